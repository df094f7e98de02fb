//! Members of a group that remember all they sent and saw, and what must hold of that.
//!
//! | module | what |
//! |---|---|
//! | [`life`] | what one member sent and saw |
//! | [`resident`] | a member on a node, that begins a new life when its daemon does |
//! | [`residents`] | one on each node of a cluster |
//! | [`mod@check`] | what must hold of all lives together |

pub mod check;
pub mod life;
pub mod resident;
pub mod residents;

pub use check::check;
pub use life::{Entry, Heard, Life, Seen, View};
pub use resident::{Load, Resident};
pub use residents::Residents;
