//! The numbers nothing may exceed, and the times things take. Each with its reason.

use core::time::Duration;

/// Most bytes that wait to be sent; any one message may wait when nothing else does. R-45m.
pub const QUEUE_BYTES_MAX: usize = 8 * MIB;

/// Largest message, in bytes. Bounds what a receiver puts together for one sender.
pub const MESSAGE_BYTES_MAX: usize = 16 * MIB;

/// What a waiting message counts beside its payload, so that empty ones are not free.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

/// What a unit counts beside its payload: its place, its allocation, its order record.
pub(crate) const UNIT_OVERHEAD: usize = 128;

/// Bytes of all senders together that may be on their way: a gigabyte a second at the 4 ms that
/// an acknowledgement takes at most under load. R-55o.
pub(crate) const WINDOW_BYTES: usize = 4 * MIB;

/// Units that a sender may always have on their way, so that a share of the window that is
/// smaller than a datagram stops nobody. R-55o.
pub(crate) const WINDOW_UNITS_MIN: u64 = 2;

/// Bytes kept for a member that does not keep up: three seconds at 20 MB/s.
pub(crate) const REPAIR_BYTES_MAX: usize = 64 * MIB;

/// Runs of order records kept for it.
pub(crate) const REPAIR_RUNS_MAX: usize = 1 << 16;

/// Bytes of units that a member holds. The repair buffer and full windows fit; beyond it only what
/// has an order record is taken, and nobody gives it one.
pub(crate) const STORE_BYTES_MAX: usize = REPAIR_BYTES_MAX + 32 * MIB;

/// Runs of order records that a member keeps, whatever it is sent: what windows hold comes on top
/// of a full repair buffer. What two members keep fits in the plan of a view change, at some four
/// bytes each. R-167.
pub(crate) const STORE_RUNS_MAX: usize = 2 * REPAIR_RUNS_MAX;

/// Ranges of units beyond gaps that a member tells of in a view change. What is beyond is as good
/// as lost on its way.
pub(crate) const RANGES_TOLD_MAX: usize = 1 << 15;

/// Runs of order records kept that do not follow on yet.
pub(crate) const LATER_RUNS_MAX: usize = 4096;

/// How far beyond the first missing unit of a sender others of it are taken: bounds the table of
/// places, and is more than a window holds in full datagrams.
pub(crate) const AHEAD_MAX: u64 = 1 << 14;

/// Payload of a unit that nobody exceeds who sends datagrams.
pub(crate) const UNIT_BYTES_MAX: usize = 1 << 16;

/// The least room for payload in a unit: a piece's head and something to carry.
pub(crate) const ROOM_MIN: usize = 64;

/// How far beyond what came of a sender others say that there is more: more than a full repair
/// buffer holds.
pub(crate) const PLAUSIBLE_UNITS: u64 = 1 << 20;

/// Units asked for and not yet here, at most: what answers do to a socket's buffer is bounded.
pub(crate) const OUTSTANDING_MAX: usize = 256;

/// Missing units that are looked after together.
pub(crate) const GAP_UNITS_MAX: u64 = 32;

/// Ranges in one request.
pub(crate) const ASK_RANGES_MAX: usize = 48;

/// Units with which a member answers one other member in [`ANSWER_PERIOD`]: twice of what an
/// honest one asks for at a time.
pub(crate) const ANSWER_UNITS_MAX: usize = 2 * OUTSTANDING_MAX;

/// Frames of order records with which it does.
pub(crate) const ANSWER_ORDERS_MAX: usize = 8;

/// See [`ANSWER_UNITS_MAX`].
pub(crate) const ANSWER_PERIOD: Duration = Duration::from_millis(2);

/// When this many ask for the same unit within [`ALARM_PERIOD`], all get it. R-51o.
pub(crate) const ASKERS_FOR_ALL: u8 = 3;

/// See [`ASKERS_FOR_ALL`].
pub(crate) const ALARM_PERIOD: Duration = Duration::from_millis(5);

/// Frames may overtake each other, above all on different ways: an order record the unit that it
/// names. What is missing for less time is not taken for lost. A false alarm costs a request and
/// a unit that is sent twice; being late with a true one costs less than the answer takes.
pub(crate) const OVERTAKING: Duration = Duration::from_micros(200);

/// How long an answer to a request may take before somebody else is asked. R-51o.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_millis(3);

/// Longest time between two requests for the same while a view ends. R-26.
pub(crate) const RECOVERY_WAIT: Duration = Duration::from_millis(20);

/// How long a unit that is not full waits for its sender's last one to be ordered.
pub(crate) const PACKING_WAIT: Duration = Duration::from_millis(1);

/// How long a unit may be without an order record before its sender, or who holds it, does
/// something about it; then twice as long, up to a beat. R-52o.
pub(crate) const ORDER_WAIT: Duration = Duration::from_millis(2);

/// How long a sender's units may be without an order record before others who hold them pass one
/// on to the coordinator; then twice as long, up to a beat. R-166.
pub(crate) const FORWARD_WAIT: Duration = Duration::from_millis(6);

/// Least time between an acknowledgement and the next while nothing is urgent. R-54o.
pub(crate) const ACK_INTERVAL_MIN: Duration = Duration::from_millis(2);

/// Time between two acknowledgements that the coordinator gets, of whomever: 20,000 a second.
pub(crate) const ACK_SPACING: Duration = Duration::from_micros(50);

/// Who does not move for so long, while there is something to move to, does not hold the senders'
/// windows any longer.
pub(crate) const KEEPING_UP: Duration = Duration::from_millis(50);

/// Who sent within this time shares the window.
pub(crate) const ACTIVE: Duration = Duration::from_millis(100);

/// How often those who share the window are counted.
pub(crate) const ACTIVE_COUNT_PERIOD: Duration = Duration::from_millis(10);

/// Units by which the windows have opened when it is told without waiting for the next occasion.
pub(crate) const FLOW_STEP: u64 = 256;

/// Own units after which the coordinator sends order records for them, when it sends many.
pub(crate) const BURST_UNITS: usize = 32;

/// Runs in one order frame, however large a datagram may be.
pub(crate) const ORDER_RUNS_MAX: usize = 64;

const MIB: usize = 1 << 20;
