//! Everything that is tested through the binary. One test program, because each one links the whole SDK.
//!
//! `e2e::*` need real parts (a Docker engine, Distribution, ministack): `scripts/test` installs and
//! starts them. `scripts/test --fast` leaves them out.

mod cli;
mod e2e;
mod sandbox;
mod support;
