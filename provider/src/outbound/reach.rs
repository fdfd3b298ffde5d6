//! Where calls may lead, by the address that a connection goes to.

use std::net::IpAddr;

/// Where calls may lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// Wherever the URL does.
    #[default]
    Anywhere,
    /// To the machine with this address.
    Machine(IpAddr),
}

impl Reach {
    pub(super) fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Machine(own) => {
                let (own, address) = (own.to_canonical(), address.to_canonical());
                own == address || own.is_loopback() && address.is_loopback()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_reached_by_its_own_addresses_alone() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (own, other, holds) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::1", true),
            ("::ffff:127.0.0.1", "127.0.0.2", true),
            ("10.0.0.7", "::ffff:10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("10.0.0.7", "127.0.0.1", false),
            ("127.0.0.1", "169.254.169.254", false),
            ("127.0.0.1", "0.0.0.0", false),
            ("fd00::1", "fd00::2", false),
        ] {
            let reach = Reach::Machine(address(own));
            assert_eq!(reach.has(address(other)), holds, "{own} {other}");
        }
        assert!(Reach::Anywhere.has(address("10.0.0.8")));
    }
}
