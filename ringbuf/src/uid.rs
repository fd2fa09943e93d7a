//! Whose memory may be trusted: uids that are one user's own.

/// The uid of who has none here, unless the system says another.
const OVERFLOW_UID: u32 = 65_534;

/// True if a uid is one user's own, who may be trusted with what that uid protects. That of
/// a process without one in this user namespace, the overflow uid, is many users'.
///
/// ```
/// use outrigger_ringbuf::is_private_uid;
/// assert!(is_private_uid(1000));
/// assert!(!is_private_uid(65_534));
/// ```
pub fn is_private_uid(uid: u32) -> bool {
    let told = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
    let overflow = told.ok().and_then(|text| text.trim().parse().ok());
    uid != overflow.unwrap_or(OVERFLOW_UID) && uid != OVERFLOW_UID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overflow_uid_is_nobody_s_own() {
        assert!(is_private_uid(1000));
        assert!(is_private_uid(0));
        assert!(!is_private_uid(OVERFLOW_UID));
    }
}
