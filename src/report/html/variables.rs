//! The variables of the containers: names and where they come from, never a value.

use super::super::text::count;
use super::super::variables::source;
use super::markup::Html;
use super::page::{row, table};
use crate::event::{ContainerVariables, VariableChange};
use crate::state::ServiceState;

/// A table for each container; nothing where nothing is known of their variables.
pub fn section(h: &mut Html, service: &ServiceState) {
    if service.variables.is_empty() {
        return;
    }
    h.leaf("h3", &[], "Environment variables");
    for container in &service.variables {
        of_container(h, container);
    }
}

fn of_container(h: &mut Html, container: &ContainerVariables) {
    let changed = container.variables.iter().filter(|v| v.change != VariableChange::Unchanged).count();
    h.element("details", &[], |h| {
        let number = count(container.variables.len(), "variable");
        h.leaf("summary", &[], &format!("{}: {number}, {changed} changed", container.container));
        let caption = format!("Variables of {}, by name; values are never shown", container.container);
        table(h, &caption, &["Name", "From", "Change"], |h| {
            for variable in &container.variables {
                let mut from = source(&variable.from);
                if !variable.hidden.is_empty() {
                    let hidden: Vec<String> = variable.hidden.iter().map(source).collect();
                    from.push_str(&format!(" (hides {})", hidden.join(", ")));
                }
                row(h, &variable.name, &[&from, change(variable.change)]);
            }
        });
    });
    for unread in &container.unread {
        let text = format!("Not read, so that its variables are not listed: {unread}");
        h.leaf("p", &[("class", "note")], &text);
    }
}

fn change(change: VariableChange) -> &'static str {
    match change {
        VariableChange::Added => "added",
        VariableChange::Changed => "changed",
        VariableChange::Unchanged => "unchanged",
        VariableChange::Removed => "removed",
        VariableChange::Unknown => "not known",
    }
}
