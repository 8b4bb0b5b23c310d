//! Values in a Terraform or OpenTofu state: format version 4, which Terraform writes since 0.12 and OpenTofu always.

use std::fmt;

use serde_json::{Map, Value};

use super::address::{Address, Step, parse};

/// A state document that values can be found in.
pub(super) struct State {
    document: Map<String, Value>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A state is full of secrets.
        f.write_str("State(***)")
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// What is wrong, as half a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

fn missing(message: impl Into<String>, hint: impl Into<String>) -> Missing {
    Missing { message: message.into(), hint: hint.into() }
}

impl State {
    /// Reads a state file.
    ///
    /// # Errors
    /// Where it is none, is encrypted, or is of another format version. The text of the file is not repeated.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Missing> {
        let Ok(Value::Object(document)) = serde_json::from_slice(bytes) else {
            return Err(missing(
                "it is not a Terraform state: it is not a JSON object",
                "Name the state itself: `terraform state pull` writes it.",
            ));
        };
        if document.contains_key("encrypted_data") {
            return Err(missing(
                "it is an encrypted OpenTofu state",
                "Landfall has no key for it: write what is needed to a file (`tofu output -json`, or `tofu state pull` where that gives it decrypted), or pass the values as environment variables.",
            ));
        }
        match document.get("version").and_then(Value::as_u64) {
            Some(4) => Ok(Self { document }),
            Some(version @ 1..=3) => Err(missing(
                format!("it is a state of format version {version}, from before Terraform 0.12"),
                "Any command of Terraform 0.12 or later that writes the state makes it version 4.",
            )),
            Some(version) => Err(missing(
                format!("it is a state of format version {version}, which is not known"),
                "This release of Landfall reads version 4 (Terraform 0.12 to 1.x, OpenTofu).",
            )),
            None => Err(missing(
                "it is not a Terraform state: it has no `version`",
                "Name the state itself (terraform.tfstate), not a plan or the output of `terraform show -json`.",
            )),
        }
    }

    /// The value at an address, as a text.
    ///
    /// # Errors
    /// Where there is none, where it is no text, number or boolean, or where it is marked sensitive.
    pub(super) fn find(&self, address: &str) -> Result<String, Missing> {
        let parsed = parse(address).map_err(|what| {
            missing(
                format!("`{address}` is not an address: {what}"),
                "Write TYPE.NAME.ATTRIBUTE, data.TYPE.NAME.ATTRIBUTE, module.M.TYPE.NAME.ATTRIBUTE or output.NAME.",
            )
        })?;
        match parsed {
            Address::Output { name, path } => self.output(address, &name, &path),
            Address::Resource { module, is_data, kind, name, path } => {
                let full = Resource { module, is_data, kind, name };
                self.attribute(address, &full, &path)
            }
        }
    }

    fn output(&self, address: &str, name: &str, path: &[Step]) -> Result<String, Missing> {
        let outputs = self.document.get("outputs").and_then(Value::as_object);
        let Some(output) = outputs.and_then(|outputs| outputs.get(name)) else {
            let known = outputs.into_iter().flat_map(Map::keys).map(|name| format!("output.{name}"));
            return Err(absent(address, known.collect()));
        };
        if output.get("sensitive").and_then(Value::as_bool) == Some(true) {
            return Err(sensitive(address));
        }
        walk(address, &format!("output.{name}"), output.get("value").unwrap_or(&Value::Null), path)
    }

    fn attribute(&self, address: &str, wanted: &Resource, path: &[Step]) -> Result<String, Missing> {
        let resources = || self.document.get("resources").and_then(Value::as_array).into_iter().flatten();
        let Some(resource) = resources().find(|resource| Resource::of(resource).as_ref() == Some(wanted))
        else {
            let known: Vec<String> =
                resources().filter_map(Resource::of).map(|resource| resource.to_string()).collect();
            return Err(absent_of(address, &wanted.to_string(), known));
        };
        // An instance that waits to be destroyed is not what the address means.
        let instances = || {
            let all = resource.get("instances").and_then(Value::as_array).into_iter().flatten();
            all.filter(|instance| instance.get("deposed").is_none())
        };
        let has_keys =
            instances().any(|instance| instance.get("index_key").is_some_and(|key| !key.is_null()));
        let (instance, name, path) = if has_keys {
            let keys: Vec<String> = instances()
                .filter_map(|instance| Some(format!("{wanted}{}", step_of(instance.get("index_key")?)?)))
                .collect();
            let Some((step @ (Step::Index(_) | Step::Key(_)), rest)) = path.split_first() else {
                return Err(missing(
                    format!("`{wanted}` has several instances"),
                    format!("Name one: {}.", listed(keys)),
                ));
            };
            let of_step =
                |instance: &&Value| instance.get("index_key").and_then(step_of).as_ref() == Some(step);
            let name = format!("{wanted}{step}");
            match instances().find(of_step) {
                Some(instance) => (instance, name, rest),
                None => return Err(absent_of(address, &name, keys)),
            }
        } else {
            match instances().next() {
                Some(instance) => (instance, wanted.to_string(), path),
                None => return Err(absent(address, Vec::new())),
            }
        };
        if path.is_empty() {
            let attributes = instance.get("attributes").and_then(Value::as_object);
            let known = attributes.into_iter().flat_map(Map::keys).map(|key| format!("{name}.{key}"));
            return Err(missing(
                format!("`{address}` is a resource, not a value"),
                format!("Name one of its attributes: {}.", listed(known.collect())),
            ));
        }
        if is_sensitive(instance, path) {
            return Err(sensitive(address));
        }
        match instance.get("attributes") {
            Some(attributes) => walk(address, &name, attributes, path),
            // Not written anew since the upgrade to Terraform 0.12.
            None => {
                let key: Vec<String> = path.iter().map(plain).collect();
                let flat = instance.get("attributes_flat").and_then(Value::as_object);
                let value = flat.and_then(|flat| flat.get(&key.join("."))).and_then(Value::as_str);
                value.map(str::to_owned).ok_or_else(|| {
                    let known = flat.into_iter().flat_map(Map::keys).map(|key| format!("{name}.{key}"));
                    absent(address, known.collect())
                })
            }
        }
    }
}

/// What an address says of a resource, without its instance.
#[derive(PartialEq, Eq)]
struct Resource {
    module: String,
    is_data: bool,
    kind: String,
    name: String,
}

impl Resource {
    fn of(resource: &Value) -> Option<Self> {
        let text = |key: &str| resource.get(key).and_then(Value::as_str);
        Some(Self {
            module: text("module").unwrap_or_default().to_owned(),
            is_data: text("mode") == Some("data"),
            kind: text("type")?.to_owned(),
            name: text("name")?.to_owned(),
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_empty() {
            write!(f, "{}.", self.module)?;
        }
        if self.is_data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.kind, self.name)
    }
}

fn step_of(key: &Value) -> Option<Step> {
    match key {
        Value::String(key) => Some(Step::Key(key.clone())),
        _ => key.as_u64().map(Step::Index),
    }
}

fn plain(step: &Step) -> String {
    match step {
        Step::Name(text) | Step::Key(text) => text.clone(),
        Step::Index(index) => index.to_string(),
    }
}

/// Whether a path leads to what the state marks, or into it, or to what has it inside.
fn is_sensitive(instance: &Value, path: &[Step]) -> bool {
    let marked = instance.get("sensitive_attributes").and_then(Value::as_array).into_iter().flatten();
    let mut marked = marked.filter_map(Value::as_array);
    marked.any(|mark| {
        let steps = mark.iter().map(|step| match step.get("value") {
            Some(Value::Object(inner)) => inner.get("value").map(text_of),
            value => value.map(text_of),
        });
        steps.zip(path).all(|(marked, step)| marked.is_none_or(|marked| marked == plain(step)))
    })
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Follows a path into a value. `name` is what leads to it.
fn walk(address: &str, name: &str, value: &Value, path: &[Step]) -> Result<String, Missing> {
    let (mut value, mut name) = (value, name.to_owned());
    for step in path {
        let index = match step {
            Step::Index(index) => usize::try_from(*index).ok(),
            _ => None,
        };
        // A value whose type the provider decides is kept with that type beside it, as the outputs of a remote
        // state are.
        if let Value::Object(fields) = value {
            let typed = fields.len() == 2 && fields.contains_key("type");
            if let Some(inner) = fields.get("value").filter(|_| typed && !fields.contains_key(&plain(step))) {
                value = inner;
            }
        }
        let found = match value {
            Value::Object(fields) => fields.get(&plain(step)),
            Value::Array(list) => index.and_then(|index| list.get(index)),
            _ => None,
        };
        let Some(found) = found else {
            return Err(match value {
                Value::Object(fields) => {
                    let known = fields.keys().map(|key| format!("{name}.{key}")).collect();
                    absent_of(address, &format!("{name}{step}"), known)
                }
                Value::Array(list) => missing(
                    format!("`{name}` has no element `{}`", plain(step)),
                    format!("It is a list of {}; write an index in brackets.", list.len()),
                ),
                _ => missing(
                    format!("`{name}` has no parts"),
                    format!("It is a single value: leave `{step}` out."),
                ),
            });
        };
        value = found;
        name.push_str(&step.to_string());
    }
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Err(missing(
            format!("`{address}` is null in the state"),
            "It has no value yet, or the resource does not have that attribute; apply first, or choose another one.",
        )),
        Value::Array(list) => Err(missing(
            format!("`{address}` is a list of {}, not a text", list.len()),
            format!("Name one element: {address}[0]."),
        )),
        Value::Object(fields) => Err(missing(
            format!("`{address}` is a map, not a text"),
            format!(
                "Name one of its values: {}.",
                listed(fields.keys().map(|key| format!("{address}.{key}")).collect())
            ),
        )),
    }
}

fn sensitive(address: &str) -> Missing {
    missing(
        format!("`{address}` is marked sensitive in the state"),
        "It would be readable in the task definition: keep it in Secrets Manager or Parameter Store, and name it under `secrets`.",
    )
}

fn absent(address: &str, known: Vec<String>) -> Missing {
    absent_of(address, address, known)
}

fn absent_of(address: &str, wanted: &str, known: Vec<String>) -> Missing {
    missing(format!("`{address}` is not in the state"), nearest(wanted, known))
}

/// The nearest known names, as a hint.
pub(super) fn nearest(wanted: &str, mut known: Vec<String>) -> String {
    let likeness = |name: &String| strsim::jaro_winkler(wanted, name);
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)).then_with(|| a.cmp(b)));
    known.dedup();
    match known.first() {
        None => "There is none at all.".to_owned(),
        Some(first) if likeness(first) > 0.9 || strsim::osa_distance(wanted, first) == 1 => {
            format!("Did you mean `{first}`?")
        }
        Some(_) => format!("There are: {}.", listed(known)),
    }
}

/// At most this many names are listed.
const LISTED: usize = 8;

fn listed(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown: Vec<String> = names.into_iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> State {
        let instance = |attributes: Value| json!({ "schema_version": 0, "attributes": attributes });
        let document = json!({
            "version": 4, "terraform_version": "0.12.31", "serial": 3, "lineage": "l",
            "outputs": {
                "vpc": { "value": { "id": "vpc-1", "zones": ["a", "b"] }, "type": ["object", {}] },
                "password": { "value": "hunter2", "type": "string", "sensitive": true }
            },
            "resources": [
                { "mode": "managed", "type": "aws_lb", "name": "main", "provider": "p", "instances": [
                    { "deposed": "00000001", "attributes": { "arn": "old" } },
                    instance(json!({ "arn": "arn:lb", "subnets": ["s-1", "s-2"], "idle_timeout": 60, "internal": false,
                        "logs": [{ "bucket": "b" }], "name_prefix": null }))
                ] },
                { "mode": "data", "type": "aws_caller_identity", "name": "current", "instances": [
                    instance(json!({ "account_id": "123456789012" })) ] },
                { "module": "module.vpc", "mode": "managed", "type": "aws_subnet", "name": "private", "each": "list",
                  "instances": [
                    { "index_key": 0, "attributes": { "id": "subnet-0" } },
                    { "index_key": 1, "attributes": { "id": "subnet-1" } } ] },
                { "module": "module.app[\"blue\"].module.inner", "mode": "managed", "type": "aws_subnet", "name": "x",
                  "each": "map", "instances": [ { "index_key": "a.b", "attributes": { "id": "subnet-ab" } } ] },
                { "mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [ {
                    "attributes": { "password": "hunter2", "endpoint": "db:5432", "tags": { "k": "v", "s": "hunter2" } },
                    "sensitive_attributes": [
                        [{ "type": "get_attr", "value": "password" }],
                        [{ "type": "get_attr", "value": "tags" },
                         { "type": "index", "value": { "value": "s", "type": "string" } }]
                    ] } ] },
                { "mode": "managed", "type": "null_resource", "name": "old", "instances": [
                    { "attributes_flat": { "id": "7", "tags.%": "1", "tags.k": "v" } } ] },
                { "mode": "data", "type": "terraform_remote_state", "name": "net", "instances": [
                    instance(json!({ "outputs": { "value": { "vpc_id": "vpc-9" }, "type": ["object", { "vpc_id": "string" }] } })) ] }
            ]
        });
        State::read(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn values_are_found_at_their_addresses() {
        for (address, expected) in [
            ("aws_lb.main.arn", "arn:lb"),
            ("aws_lb.main.subnets[1]", "s-2"),
            ("aws_lb.main.subnets.1", "s-2"),
            ("aws_lb.main.idle_timeout", "60"),
            ("aws_lb.main.internal", "false"),
            ("aws_lb.main.logs[0].bucket", "b"),
            ("data.aws_caller_identity.current.account_id", "123456789012"),
            ("module.vpc.aws_subnet.private[1].id", "subnet-1"),
            ("module.app[\"blue\"].module.inner.aws_subnet.x['a.b'].id", "subnet-ab"),
            ("output.vpc.id", "vpc-1"),
            ("output.vpc[\"zones\"][0]", "a"),
            ("aws_db_instance.db.endpoint", "db:5432"),
            ("aws_db_instance.db.tags.k", "v"),
            ("null_resource.old.tags.k", "v"),
            ("data.terraform_remote_state.net.outputs.vpc_id", "vpc-9"),
        ] {
            assert_eq!(state().find(address).as_deref(), Ok(expected), "{address}");
        }
    }

    #[test]
    fn what_is_not_there_names_what_is_near_and_no_value() {
        for (address, expected) in [
            ("aws_lb.mian.arn", "`aws_lb.mian.arn` is not in the state | Did you mean `aws_lb.main`?"),
            ("aws_lb.main.arm", "| Did you mean `aws_lb.main.arn`?"),
            ("aws_lb.main", "is a resource, not a value | Name one of its attributes: `aws_lb.main.arn`"),
            ("aws_lb.main.subnets", "is a list of 2, not a text | Name one element: aws_lb.main.subnets[0]."),
            ("aws_lb.main.subnets[2]", "`aws_lb.main.subnets` has no element `2` | It is a list of 2"),
            ("aws_lb.main.arn.x", "`aws_lb.main.arn` has no parts"),
            ("aws_lb.main.name_prefix", "is null in the state"),
            (
                "module.vpc.aws_subnet.private.id",
                "has several instances | Name one: `module.vpc.aws_subnet.private[0]`",
            ),
            ("module.vpc.aws_subnet.private[2].id", "Did you mean `module.vpc.aws_subnet.private[0]`?"),
            ("output.vpcs.id", "Did you mean `output.vpc`?"),
            (
                "output.vpc",
                "is a map, not a text | Name one of its values: `output.vpc.id`, `output.vpc.zones`.",
            ),
            ("output.password", "is marked sensitive in the state | It would be readable"),
            ("aws_db_instance.db.password", "is marked sensitive in the state"),
            ("aws_db_instance.db.tags.s", "is marked sensitive in the state"),
            ("aws_db_instance.db.tags", "is marked sensitive in the state"),
            ("aws_lb", "`aws_lb` is not an address: it names no attribute"),
        ] {
            let Missing { message, hint } = state().find(address).unwrap_err();
            let told = format!("{message} | {hint}");
            assert!(told.contains(expected), "{address}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_is_no_readable_state_says_what_it_is() {
        for (text, expected) in [
            ("{", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "has no `version`"),
            (r#"{"version":3,"modules":[]}"#, "format version 3, from before Terraform 0.12"),
            (r#"{"version":5}"#, "format version 5, which is not known"),
            (
                r#"{"serial":1,"lineage":"l","meta":{},"encrypted_data":"x","encryption_version":"v0"}"#,
                "encrypted OpenTofu",
            ),
        ] {
            let missing = State::read(text.as_bytes()).unwrap_err();
            assert!(missing.message.contains(expected), "{}", missing.message);
        }
        assert_eq!(format!("{:?}", state()), "State(***)");
    }
}
