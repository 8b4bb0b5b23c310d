//! What is said of env files and variables.

use insta::assert_snapshot;

use crate::event::*;
use crate::report::line::render_all;
use crate::report::testing::*;
use crate::report::variables::{of_check, of_comparison, of_container, of_file};
use crate::report::{Plain, Style};

const NARROW: Style = Style { color: false, unicode: true, width: Some(80) };

fn finding(line: u32, code: landfall_envfile::Code, name: Option<&str>, outcome: EnvOutcome) -> EnvFinding {
    EnvFinding {
        code: code.as_str().to_owned(),
        title: code.title().to_owned(),
        line,
        column: 8,
        name: name.map(str::to_owned),
        gets: "the value with its quotes".to_owned(),
        meant: "the text between the quotes".to_owned(),
        fix: "remove the quotes, or put the value where quotes are not read, which is another place"
            .to_owned(),
        outcome,
        repaired: (outcome == EnvOutcome::Repaired).then(|| code.repaired().to_owned()),
    }
}

fn check(container: Option<&str>, findings: Vec<EnvFinding>) -> EnvFileCheck {
    EnvFileCheck {
        file: ".env.prod".to_owned(),
        container: container.map(str::to_owned),
        policy: "normalize".to_owned(),
        findings,
    }
}

use landfall_envfile::Code::{Ambiguous, Credential, Crlf, Duplicate, InlineComment, Quotes};

#[test]
fn repairs_are_summed_up_and_the_rest_is_told_once() {
    use EnvOutcome::{Kept, Refused, Repaired};
    let names = ["A", "B", "C", "D", "E", "F"];
    let mut findings: Vec<EnvFinding> =
        names.iter().zip(1..).map(|(name, line)| finding(line, Quotes, Some(name), Repaired)).collect();
    findings.push(finding(7, InlineComment, Some("G"), Repaired));
    findings.push(finding(1, Crlf, None, Repaired));
    findings.extend((10..16).map(|line| finding(line, Credential, Some("TOKEN"), Kept)));
    findings.push(finding(20, Ambiguous, None, Kept));
    findings.push(finding(30, Duplicate, Some("A"), Refused));
    let lines = of_file(&check(Some("web"), findings));
    let text: Vec<String> =
        lines.iter().map(|(mark, line)| format!("{mark:?} {}", line.render(Style::ASCII))).collect();
    assert_snapshot!(text.join("\n"), @r"
    Info .env.prod: 8 repairs: quotes removed (A, B, C, D and 2 more); inline comment removed (G); CRLF replaced by LF
    Warning .env.prod:20:8: dotenv libraries read this in different ways [env-ambiguous]; the container gets the value with its quotes
    Warning .env.prod:10:8: TOKEN: the value looks like a credential [env-credential]; the container gets the value with its quotes
    Warning .env.prod:11:8: TOKEN: the value looks like a credential [env-credential]; the container gets the value with its quotes
    Warning .env.prod:12:8: TOKEN: the value looks like a credential [env-credential]; the container gets the value with its quotes
    Warning .env.prod: 3 more [env-credential] on lines 13, 14, 15
    Failed .env.prod:30:8: A: a name stands in the file twice [env-duplicate]; fix: remove the quotes, or put the value where quotes are not read, which is another place
    ");
}

#[test]
fn each_finding_of_a_check_is_a_block_that_grep_finds() {
    let findings = vec![
        finding(3, Quotes, Some("DB_URL"), EnvOutcome::Found),
        finding(4, Quotes, None, EnvOutcome::Repaired),
    ];
    assert_snapshot!(render_all(&of_check(&check(None, findings), NARROW), NARROW), @r"
    .env.prod:3:8: DB_URL: quotes are part of the value [env-quotes]
        the container gets  the value with its quotes
        probably meant      the text between the quotes
        fix                 remove the quotes, or put the value where quotes are not
                            read, which is another place
    .env.prod:4:8: quotes are part of the value [env-quotes]: quotes removed
    ");
    assert_snapshot!(render_all(&of_check(&check(None, Vec::new()), NARROW), NARROW), @"✓ .env.prod: no findings");
}

#[test]
fn a_file_of_any_name_makes_no_command() {
    let mut hostile = finding(1, Quotes, None, EnvOutcome::Refused);
    hostile.gets = "x\n::set-output name=a::b\r%".to_owned();
    let mut check = check(None, vec![hostile]);
    check.file = "a,b:c\n::d.env".to_owned();
    let out = Buffer::default();
    let record = Record { time: at(0), service: None, event: Event::EnvFileChecked(check) };
    play(&[record], Plain::github(Box::new(out.clone()), Style::ASCII));
    assert!(!out.text().lines().any(|line| line.trim_start().starts_with("::")), "{}", out.text());
}

fn variables() -> ContainerVariables {
    let file = |file: &str| VariableSource::EnvFile { file: file.to_owned() };
    let stored = format!("arn:aws:s3:::store/prod/web/app/{}.env", "0f".repeat(32));
    let secret = "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf:password::";
    let variable = |name: &str, from, hidden: Vec<VariableSource>, change| EffectiveVariable {
        name: name.to_owned(),
        from,
        hidden,
        change,
    };
    ContainerVariables {
        container: "web".to_owned(),
        variables: vec![
            variable(
                "DB_PASSWORD",
                VariableSource::Secret { value_from: secret.to_owned() },
                vec![],
                VariableChange::Unchanged,
            ),
            variable("GONE", file(&stored), vec![], VariableChange::Removed),
            variable(
                "LOG_LEVEL",
                VariableSource::Environment,
                vec![file(".env.prod"), file(&stored)],
                VariableChange::Changed,
            ),
            variable("NEW_FLAG", file(".env.prod"), vec![], VariableChange::Added),
            variable("PERHAPS", file(".env.prod"), vec![], VariableChange::Unknown),
        ],
        unread: vec!["arn:aws:s3:::other/x.env: s3:GetObject on s3://other/x.env: AccessDenied".to_owned()],
    }
}

#[test]
fn variables_are_told_with_their_sources() {
    assert_snapshot!(render_all(&of_container(&variables(), true, NARROW), NARROW), @r"
    variables of web (4): 1 added, 1 changed, 1 removed, 1 not known
        DB_PASSWORD  secret prod/db-AbCdEf:password::
      - GONE         s3://store/.../0f0f0f0f0f0f.env
      ~ LOG_LEVEL    environment (hides .env.prod, s3://store/.../0f0f0f0f0f0f.env)
      + NEW_FLAG     .env.prod
      ? PERHAPS      .env.prod
      ? not read, so that its variables are not listed: arn:aws:s3:::other/x.env:
          s3:GetObject on s3://other/x.env: AccessDenied
    ");
    assert_snapshot!(render_all(&of_container(&variables(), false, NARROW), NARROW), @r"
    variables of web (4): 1 added, 1 changed, 1 removed, 1 not known
      - GONE       s3://store/.../0f0f0f0f0f0f.env
      ~ LOG_LEVEL  environment (hides .env.prod, s3://store/.../0f0f0f0f0f0f.env)
      + NEW_FLAG   .env.prod
      ? PERHAPS    .env.prod
      ? not read, so that its variables are not listed: arn:aws:s3:::other/x.env:
          s3:GetObject on s3://other/x.env: AccessDenied
    ");
}

#[test]
fn a_comparison_without_a_difference_is_one_line() {
    let mut same = variables();
    same.unread.clear();
    for variable in &mut same.variables {
        variable.change = VariableChange::Unchanged;
    }
    assert_snapshot!(render_all(&of_comparison(&same, NARROW), NARROW), @"web: no difference (5 variables)");
    assert_eq!(of_container(&same, false, NARROW), vec![]);
}

#[test]
fn many_unchanged_variables_are_summed_up() {
    let variable = |number: usize| EffectiveVariable {
        name: format!("V{number}"),
        from: VariableSource::Environment,
        hidden: vec![],
        change: if number == 0 { VariableChange::Added } else { VariableChange::Unchanged },
    };
    let many = ContainerVariables {
        container: "web".to_owned(),
        variables: (0..60).map(variable).collect(),
        unread: vec![],
    };
    assert_snapshot!(render_all(&of_container(&many, true, NARROW), NARROW), @r"
    variables of web (60): 1 added
      + V0  environment
      and 59 that do not change
    ");
}
