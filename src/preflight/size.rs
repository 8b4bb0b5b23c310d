//! The forms in which a task's CPU and memory are written (facts 1.1).

/// CPU units: `1024`, `1 vCPU`, `.5 vcpu`. `None` where it is neither.
pub(crate) fn cpu_units(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    match text.strip_suffix("vcpu") {
        Some(number) => thousands(number.trim()),
        None => text.parse().ok(),
    }
}

/// MiB: `2048`, `2 GB`, `0.5GB`. `None` where it is neither.
pub(crate) fn memory_mib(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    match text.strip_suffix("gb") {
        Some(number) => thousands(number.trim()),
        None => text.parse().ok(),
    }
}

/// 1024 times a decimal number, rounded.
fn thousands(number: &str) -> Option<u64> {
    let number: f64 = number.parse().ok()?;
    // Far beyond any size of Fargate, and a float of this range is exact.
    (number.is_finite() && (0.0..1e6).contains(&number)).then_some((number * 1024.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_words_are_the_same_size() {
        assert_eq!(cpu_units("1024"), Some(1024));
        assert_eq!(cpu_units("1 vCPU"), Some(1024));
        assert_eq!(cpu_units(".25vcpu"), Some(256));
        assert_eq!(memory_mib("0.5 GB"), Some(512));
        assert_eq!(memory_mib("2GB"), Some(2048));
        for wrong in ["", "one", "-1 vCPU", "nan vCPU", "1e9 vCPU"] {
            assert_eq!(cpu_units(wrong), None, "{wrong}");
        }
    }
}
