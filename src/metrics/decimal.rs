//! Decimal text, as Prometheus writes numbers, to whole billionths, without floats.

/// Reads `0.25`, `1.5e-05`, `1.073741824e+09` as billionths; what is finer is rounded up, as Kubernetes rounds quantities.
/// `None`: not a number (`NaN`, `+Inf`), negative, or beyond 10^27 billionths.
pub(super) fn nanos(text: &str) -> Option<i128> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.len() > 400 {
        return None;
    }
    // value = digits × 10^(exponent − fraction digits); in billionths the point stands nine places further right.
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 9;
    let kept = usize::try_from(point).unwrap_or(0);
    let mut value: i128 = 0;
    for position in 0..kept {
        if position >= digits.len() && value == 0 {
            break;
        }
        let digit = digits.get(position).map_or(0, |digit| i128::from(digit - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
        if value > 10_i128.pow(27) {
            return None;
        }
    }
    let rest = digits.iter().skip(kept).any(|digit| *digit != b'0');
    Some(value + i128::from(rest))
}

#[cfg(test)]
mod tests {
    use super::nanos;

    #[test]
    fn reads_what_prometheus_writes() {
        for (text, expected) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("0.25", 250_000_000),
            ("1.5e-05", 15_000),
            ("1.073741824e+09", 1_073_741_824_000_000_000),
            ("0.00012345678901234567", 123_457),
            ("1e-7", 100),
            ("1e-12", 1),
            ("0e99999999", 0),
            ("0.000000000", 0),
            ("123456789012345678", 123_456_789_012_345_678_000_000_000),
            ("00.5", 500_000_000),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["NaN", "+Inf", "-Inf", "Inf", "", ".", "e5", "-1", "+1", "1e", "1e1.5", "1e400", "0x10", "1_000", " 1"]
        {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
