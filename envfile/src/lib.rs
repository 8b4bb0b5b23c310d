//! `.env` files as Amazon ECS reads them, and as their authors mean them.
//!
//! ECS takes a `.env` file literally where dotenv libraries interpret it, so that the same file gives a container
//! other values in production than on its author's machine. [`EnvFile::read`] makes both readings of a file,
//! line by line; where they differ there is a [`Finding`] with its position, what the container gets, what was
//! probably meant, and the fix. [`EnvFile::settle`] applies a [`Policy`] and gives what is to be stored.
//!
//! Nothing here does input or output, and no text that it makes for people holds a value of the file.
//!
//! | module | what it does |
//! | --- | --- |
//! | `lines` | bytes to lines: byte-order mark, encoding, line ends |
//! | `ecs` | the reading of ECS (facts 2.2) |
//! | `dotenv` | the reading of dotenv libraries |
//! | `names` | what may be a variable's name, and which names may be shown |
//! | `credential` | values that belong in `secrets` |
//! | `codes` | the table of everything that can be found |
//! | `check` | both readings side by side: findings |
//! | `settle` | findings and a policy: what is stored |
//! | `canonical` | the stored form and its hash |
//! | `rewrite` | a file whose two readings agree, as far as one can be written |
//! | `secret` | a text that no output may show |

mod canonical;
mod check;
mod codes;
mod credential;
mod dotenv;
mod ecs;
mod env_file;
mod lines;
mod names;
mod rewrite;
mod secret;
mod settle;

pub use canonical::Canonical;
pub use codes::{Code, Finding, Remedy};
pub use credential::looks_like_credential;
pub use ecs::{FARGATE_FILES, read_stored};
pub use env_file::{EnvFile, Variable};
pub use names::{is_conventional, shown};
pub use rewrite::as_dotenv_line;
pub use secret::Secret;
pub use settle::{Options, Outcome, Policy, Settled};
