//! Expressions of GitHub Actions, as far as they are known before a run.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use crate::lookup::escape;

/// What is known at a step.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// `env` of the workflow, the job and the step; the last one that sets a name wins.
    levels: Vec<BTreeMap<String, String>>,
    /// What earlier steps put into `$GITHUB_ENV`.
    exported: BTreeMap<String, String>,
    /// By step and name, in our own expressions.
    outputs: BTreeMap<(String, String), Texts>,
    /// What earlier steps run.
    scripts: Vec<String>,
}

/// A text in our expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// The text.
    pub text: String,
    /// What was written, and the variable that stands for it; the runner does not set it by itself.
    pub unknown: BTreeSet<(String, String)>,
}

/// How deep `env` may refer to `env`.
const DEPTH: usize = 8;

/// What the runner sets under the name of `github.NAME`.
const RUNNER: [&str; 16] = [
    "sha",
    "ref",
    "ref_name",
    "ref_type",
    "repository",
    "repository_owner",
    "run_id",
    "run_number",
    "run_attempt",
    "actor",
    "workflow",
    "workspace",
    "base_ref",
    "head_ref",
    "event_name",
    "job",
];

impl Scope {
    /// At the beginning of a job.
    pub(super) fn new(workflow: Option<&IndexMap<String, Value>>, job: &Value) -> Self {
        let workflow =
            workflow.into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect();
        Self { levels: vec![workflow, variables(job)], ..Self::default() }
    }

    /// Begins a step.
    pub(super) fn enter(&mut self, env: &Value) {
        self.levels.push(variables(env));
    }

    /// Ends a step.
    pub(super) fn leave(&mut self) {
        self.levels.pop();
    }

    /// An output of a step that is known.
    pub(super) fn output(&mut self, step: &str, name: &str, text: &str) {
        let text = Texts { text: text.to_owned(), unknown: BTreeSet::new() };
        self.outputs.insert((step.to_owned(), name.to_owned()), text);
    }

    /// A step that logs in to ECR gives the host of its registry.
    pub(super) fn registry(&mut self, step: &str) {
        let written = format!("${{{{ steps.{step}.outputs.registry }}}}");
        let unknown = BTreeSet::from([(written, "ECR_REGISTRY".to_owned())]);
        let text = Texts { text: "${ECR_REGISTRY}".to_owned(), unknown };
        self.outputs.insert((step.to_owned(), "registry".to_owned()), text);
    }

    /// What a script writes to its outputs.
    pub(super) fn outputs_of(&mut self, step: &str, script: &str) {
        for (name, value) in written(script, "GITHUB_OUTPUT") {
            let value = self.shell(&value, script);
            self.outputs.insert((step.to_owned(), name), value);
        }
    }

    /// What a script puts into the environment of later steps; and the script, for the files that it writes.
    pub(super) fn exports_of(&mut self, script: &str) {
        for (name, value) in written(script, "GITHUB_ENV") {
            let value = self.shell(&value, script).text;
            // It is in our expressions already: what is escaped comes out as it is.
            self.exported.insert(name, value);
        }
        let converted = self.shell(script, "").text;
        self.scripts.push(converted);
    }

    /// Whether an earlier step writes this file.
    pub(super) fn is_made_by_a_step(&self, file: &str) -> bool {
        let name = file.trim_start_matches("./");
        let ends = |rest: &str| {
            rest.chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '|' | '&' | ')'))
        };
        self.scripts.iter().any(|script| {
            script.match_indices(name).any(|(at, _)| {
                let before = script[..at].trim_end_matches(['.', '/', '"', '\'']).trim_end();
                ends(&script[at + name.len()..])
                    && (before.ends_with('>')
                        || before.ends_with("tee")
                        || before.ends_with("-o")
                        || before.ends_with("--output"))
            })
        })
    }

    /// The step whose output of this name a text is, and nothing else.
    pub(super) fn output_of(text: &str, output: &str) -> Option<String> {
        let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
        let (step, name) = inner.strip_prefix("steps.")?.split_once(".outputs.")?;
        (name == output && !step.contains('$')).then(|| step.to_owned())
    }

    /// A text with its expressions replaced by ours.
    pub(super) fn convert(&self, text: &str) -> Texts {
        self.convert_at(text, DEPTH)
    }

    fn convert_at(&self, text: &str, depth: usize) -> Texts {
        let mut out = Texts::default();
        let mut rest = text;
        while let Some(at) = rest.find("${{") {
            out.text.push_str(&escape(&rest[..at]));
            let Some(end) = rest[at..].find("}}") else { break };
            let inner = rest[at + 3..at + end].trim();
            let value = self.expression(inner, depth);
            out.text.push_str(&value.text);
            out.unknown.extend(value.unknown);
            rest = &rest[at + end + 2..];
        }
        out.text.push_str(&escape(rest));
        out
    }

    /// The value of what stands between `${{` and `}}`.
    fn expression(&self, inner: &str, depth: usize) -> Texts {
        let literal = |text: &str| {
            let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (!text.contains('\'')).then(|| text.to_owned())
        };
        if let Some(text) = literal(inner) {
            return Texts { text: escape(&text), unknown: BTreeSet::new() };
        }
        if let Some((first, default)) = inner.split_once("||") {
            let mut value = self.expression(first.trim(), depth);
            if let (Some(default), Some(name)) = (literal(default), one_variable(&value.text))
                && !default.contains('}')
            {
                value.text = format!("${{{name}:-{default}}}");
                return value;
            }
            return self.unknown(inner, &as_variable(first));
        }
        let is_path = inner.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let parts: Vec<&str> = inner.split('.').collect();
        match parts.as_slice() {
            _ if !is_path => self.unknown(inner, &as_variable(inner)),
            ["env", name] => match self.variable(name) {
                Some(Ok(text)) if depth > 0 => self.convert_at(text, depth - 1),
                // From another step, in our expressions.
                Some(Err(text)) => Texts { text: text.to_owned(), unknown: BTreeSet::new() },
                _ => self.unknown(inner, &as_variable(name)),
            },
            ["github", name] if RUNNER.contains(name) => {
                Texts { text: format!("${{GITHUB_{}}}", name.to_ascii_uppercase()), unknown: BTreeSet::new() }
            }
            ["steps", step, "outputs", name] => {
                match self.outputs.get(&((*step).to_owned(), (*name).to_owned())) {
                    Some(texts) => texts.clone(),
                    None => self.unknown(inner, &as_variable(&format!("{step}_{name}"))),
                }
            }
            ["secrets" | "vars" | "inputs", name] => self.unknown(inner, &as_variable(name)),
            ["github", "event", .., name] => self.unknown(inner, &as_variable(name)),
            ["needs", _, "outputs", name] => self.unknown(inner, &as_variable(name)),
            _ => self.unknown(inner, &as_variable(inner)),
        }
    }

    fn unknown(&self, inner: &str, variable: &str) -> Texts {
        let unknown = BTreeSet::from([(format!("${{{{ {inner} }}}}"), variable.to_owned())]);
        Texts { text: format!("${{{variable}}}"), unknown }
    }

    /// A variable of the environment: as it is written, or (`Err`) in our expressions.
    fn variable(&self, name: &str) -> Option<Result<&str, &str>> {
        let exported = self.exported.get(name).map(|text| Err(text.as_str()));
        exported.or_else(|| {
            self.levels.iter().rev().find_map(|level| level.get(name)).map(|text| Ok(text.as_str()))
        })
    }

    /// A text of a shell: `$NAME` and `${NAME}` are replaced where the environment or a plain assignment has them.
    fn shell(&self, text: &str, script: &str) -> Texts {
        self.shell_at(text, script, DEPTH)
    }

    fn shell_at(&self, text: &str, script: &str, depth: usize) -> Texts {
        let mut out = Texts::default();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.text.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with("${{") {
                let end = rest.find("}}").map_or(rest.len(), |end| end + 2);
                let value = self.convert(&rest[..end]);
                out.text.push_str(&value.text);
                out.unknown.extend(value.unknown);
                rest = &rest[end..];
                continue;
            }
            if let Some((length, variable)) = computed(rest) {
                out.text.push_str(&format!("${{{variable}}}"));
                out.unknown.insert((rest[..length].to_owned(), variable));
                rest = &rest[length..];
                continue;
            }
            let braced = rest.starts_with("${");
            let body = &rest[if braced { 2 } else { 1 }..];
            let length = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            let (name, after) = body.split_at(length);
            if let Some(default) = after.strip_prefix(":-").filter(|_| braced) {
                let end = default.find('}').unwrap_or(default.len());
                out.text.push_str(&format!("${{{name}:-{}}}", &default[..end]));
                rest = default.get(end + 1..).unwrap_or_default();
                continue;
            }
            let closed = !braced || after.starts_with('}');
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !closed {
                out.text.push('$');
                rest = &rest[1..];
                continue;
            }
            let assigned = assigned(script, name).filter(|_| depth > 0);
            let value = match (assigned, self.variable(name)) {
                (Some(value), _) => self.shell_at(&value, script, depth - 1),
                (None, Some(Ok(text))) => self.convert(text),
                (None, Some(Err(text))) => Texts { text: text.to_owned(), unknown: BTreeSet::new() },
                (None, None) if name.starts_with("GITHUB_") => {
                    Texts { text: format!("${{{name}}}"), unknown: BTreeSet::new() }
                }
                (None, None) => Texts {
                    text: format!("${{{name}}}"),
                    unknown: BTreeSet::from([(format!("${name}"), name.to_owned())]),
                },
            };
            out.text.push_str(&value.text);
            out.unknown.extend(value.unknown);
            rest = if braced { &after[1..] } else { after };
        }
        out.text.push_str(rest);
        out
    }
}

/// What a shell computes at the beginning of a text: `$(COMMAND)`, `${NAME/a/b}`, `${NAME::12}`. Its length, and the
/// name of a variable that can stand for it. `${NAME:-default}` is ours too.
fn computed(text: &str) -> Option<(usize, String)> {
    if text.starts_with("$(") {
        let mut depth = 0;
        let end = text.char_indices().find(|(_, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return false,
            }
            depth == 0
        });
        let length = end.map_or(text.len(), |(at, _)| at + 1);
        let word = text[2..length].split_whitespace().next().unwrap_or_default();
        return Some((length, as_variable(&format!("computed_by_{word}"))));
    }
    let body = text.strip_prefix("${")?;
    let name = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|at| *at > 0)?;
    let end = body.find('}')?;
    let operator = &body[name..=end];
    let is_plain = operator == "}" || operator.starts_with(":-");
    (!is_plain).then(|| (end + 3, as_variable(&format!("part_of_{}", &body[..name]))))
}

/// The variable, if a text is one and nothing else.
fn one_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(name)
}

/// A name for a variable: upper case, with `_` in the place of what a name cannot have.
fn as_variable(text: &str) -> String {
    let mut name = String::new();
    for c in text.trim().chars() {
        match c.is_ascii_alphanumeric() {
            true => name.push(c.to_ascii_uppercase()),
            false if !name.ends_with('_') && !name.is_empty() => name.push('_'),
            false => {}
        }
    }
    let name = name.trim_end_matches('_');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("VALUE_{name}")
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn variables(env: &Value) -> BTreeMap<String, String> {
    env.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// `NAME=VALUE` pairs that a script writes to a file of the runner, by `echo "NAME=VALUE" >> $FILE` or, for outputs, by
/// `echo "::set-output name=NAME::VALUE"`.
fn written(script: &str, file: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for line in script.lines().map(str::trim) {
        let Some(said) = line.strip_prefix("echo ") else { continue };
        if let Some((_, rest)) = said.split_once("::set-output name=").filter(|_| file == "GITHUB_OUTPUT") {
            if let Some((name, value)) = rest.split_once("::") {
                pairs.push((name.to_owned(), unquoted(value)));
            }
            continue;
        }
        let Some((text, target)) = said.rsplit_once(">>") else { continue };
        if !target.contains(file) {
            continue;
        }
        if let Some((name, value)) = unquoted(text).split_once('=') {
            pairs.push((name.trim().to_owned(), value.to_owned()));
        }
    }
    pairs
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_owned()
}

/// What a script assigns to a variable, where that needs no command to be run.
fn assigned(script: &str, name: &str) -> Option<String> {
    let mut values = script.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        line.strip_prefix(name)?.strip_prefix('=')
    });
    let value = unquoted(values.next_back()?);
    let refers = value.contains(&format!("${name}")) || value.contains(&format!("${{{name}"));
    (!value.contains("$(") && !value.contains('`') && !refers).then_some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let workflow: IndexMap<String, Value> = [
            ("REGION".to_owned(), json!("eu-west-1")),
            ("REPO".to_owned(), json!("api-${{ env.STAGE }}")),
            ("LOOP".to_owned(), json!("${{ env.LOOP }}")),
        ]
        .into_iter()
        .collect();
        let mut scope = Scope::new(Some(&workflow), &json!({ "STAGE": "prod", "N": 3 }));
        scope.enter(&json!({ "TAG": "${{ github.sha }}" }));
        scope
    }

    #[test]
    fn expressions_become_values_or_variables() {
        let scope = scope();
        for (text, expected) in [
            ("${{ env.REGION }}", "eu-west-1"),
            ("x/${{env.REPO}}:${{ env.TAG }}", "x/api-prod:${GITHUB_SHA}"),
            ("${{ secrets.AWS_ACCOUNT_ID }}.dkr", "${AWS_ACCOUNT_ID}.dkr"),
            ("${{ vars.my-name || 'web' }}", "${MY_NAME:-web}"),
            ("${{ inputs.cluster }}", "${CLUSTER}"),
            ("${{ needs.build.outputs.image_tag }}", "${IMAGE_TAG}"),
            ("${{ matrix.network }}", "${MATRIX_NETWORK}"),
            ("${{ format('{0}-x', env.A) }}", "${FORMAT_0_X_ENV_A}"),
            ("${{ env.N }} $HOME ${X}", "3 $HOME $${X}"),
        ] {
            assert_eq!(scope.convert(text).text, expected, "{text}");
        }
        assert!(scope.convert("${{ env.REGION }}${{ github.sha }}").unknown.is_empty());
        assert_eq!(scope.convert("${{ secrets.A }}").unknown.len(), 1);
        // It ends.
        assert!(scope.convert("${{ env.LOOP }}").text.contains("LOOP"));
    }

    #[test]
    fn outputs_and_exports_of_scripts_are_read() {
        let mut scope = scope();
        scope.registry("login");
        scope.leave();
        scope.enter(&json!({ "ECR": "${{ steps.login.outputs.registry }}", "TAG": "${{ github.sha }}" }));
        let script = "VERSION=v1\nSHORT=$(git rev-parse HEAD)\necho \"image=$ECR/api:${TAG}-$VERSION-$SHORT\" >> $GITHUB_OUTPUT\necho \"::set-output name=old::$ECR\"\necho URI=$ECR/x >> \"$GITHUB_ENV\"\naws describe > ./task.json\n";
        scope.outputs_of("build", script);
        scope.exports_of(script);
        let image = scope.convert("${{ steps.build.outputs.image }}");
        assert_eq!(image.text, "${ECR_REGISTRY}/api:${GITHUB_SHA}-v1-${SHORT}");
        let names: Vec<&str> = image.unknown.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["SHORT", "ECR_REGISTRY"]);
        assert_eq!(scope.convert("${{ steps.build.outputs.old }}").text, "${ECR_REGISTRY}");
        assert_eq!(scope.convert("${{ env.URI }}").text, "${ECR_REGISTRY}/x");
        assert_eq!(scope.convert("${{ steps.build.outputs.none }}").text, "${BUILD_NONE}");
        let script =
            "echo \"v=${GITHUB_SHA::12}-$(git log (x))-${GITHUB_REF/a\\//}-${B:-c}\" >> $GITHUB_OUTPUT";
        scope.outputs_of("parts", script);
        let parts = scope.convert("${{ steps.parts.outputs.v }}");
        assert_eq!(parts.text, "${PART_OF_GITHUB_SHA}-${COMPUTED_BY_GIT}-${PART_OF_GITHUB_REF}-${B:-c}");
        assert_eq!(parts.unknown.len(), 3);
        assert!(scope.is_made_by_a_step("task.json") && !scope.is_made_by_a_step("other.json"));
        assert_eq!(
            Scope::output_of("${{ steps.a.outputs.task-definition }}", "task-definition").as_deref(),
            Some("a")
        );
        assert_eq!(Scope::output_of("x.json", "task-definition"), None);
    }
}
