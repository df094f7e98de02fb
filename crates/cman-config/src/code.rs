//! The codes of problems: stable, documented in `cluster.conf(5)`, each with a fixture.

use core::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Something true that the author may not know; nothing needs doing.
    Note,
    /// The file is used, but part of it does not do what its author may think.
    Warning,
    /// The file is not used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Defines [`Code`] and its table, so that a code cannot exist without a severity and a title.
macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident $title:literal,)+) => {
        /// What kind of problem it is. The codes keep their meaning for ever: scripts may match
        /// them, and `cluster.conf(5)` explains each.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as printed, for example `CM0202`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// How bad a problem of this kind is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// The kind of problem in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    Empty "CM0001" Error "The file is empty.",
    TooLarge "CM0002" Error "The file is larger than a cluster.conf can be.",
    NotText "CM0003" Error "The file is not UTF-8 text.",
    Malformed "CM0004" Error "The file is not well-formed XML.",
    DtdRefused "CM0005" Error "The file has a document type declaration.",
    WrongRoot "CM0006" Error "The outermost element is not `cluster`.",
    UnknownElement "CM0101" Warning "An element that cman does not know.",
    UnknownAttribute "CM0102" Warning "An attribute that cman does not know.",
    MissingElement "CM0103" Error "A compulsory element is missing.",
    MissingAttribute "CM0104" Error "A compulsory attribute is missing.",
    RepeatedElement "CM0105" Error "An element that may be given once is given again.",
    StrayText "CM0106" Warning "Text where only elements can be.",
    NotANumber "CM0201" Error "A value that should be a whole number.",
    OutOfRange "CM0202" Error "A number outside its range.",
    UnknownChoice "CM0203" Error "A value that is none of those allowed.",
    BadClusterName "CM0204" Error "A cluster name that cannot be used.",
    BadNodeName "CM0205" Error "A node name that cannot be used.",
    BadAddress "CM0206" Error "A value that should be an IP address.",
    NotMulticast "CM0207" Error "An address that cannot be used for multicast.",
    BadKeyfile "CM0208" Error "A key file that is not an absolute path.",
    UnusableNodeAddress "CM0209" Error "A node named by an address that others cannot reach.",
    RepeatedNodeId "CM0301" Error "Two nodes with one node id.",
    RepeatedNodeName "CM0302" Error "Two nodes with one name.",
    TooManyNodes "CM0303" Error "More nodes than a cluster can have.",
    TwoNodeMisused "CM0304" Error "`two_node` in a cluster it is not made for.",
    NoVotes "CM0305" Error "No node has a vote.",
    SplitPossible "CM0306" Error "So few expected votes that two parts could both be quorate.",
    ExpectedBelowSum "CM0307" Warning "Fewer expected votes than the nodes have.",
    NeverQuorate "CM0308" Warning "More expected votes than the nodes can reach.",
    FamilyMismatch "CM0309" Error "A multicast address and node addresses of different families.",
    MulticastUnused "CM0310" Warning "A multicast address that `transport=\"udpu\"` does not use.",
    KeyfileUnused "CM0311" Warning "A key file that `encryption=\"off\"` does not use.",
    MulticastReserved "CM0312" Warning "A multicast address reserved for routing protocols.",
    WaitForAllOff "CM0313" Warning "`two_node` without `wait_for_all`.",
    NoEffect "CM0401" Warning "Something that older versions read and cman no longer does.",
    NotUsedYet "CM0402" Note "Something that is known, but that this version does nothing with.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ascending() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    }
}
