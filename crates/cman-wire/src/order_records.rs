//! Order records as they travel. A view change may have to tell of a full repair buffer:
//! most of what a record says follows from those before it in the list, and is left out.

use crate::{
    error::WireError,
    field::{Field, write_count},
    frame::{Ordered, Run},
    reader::Reader,
};
use std::collections::BTreeMap;

/// Most order records in one list; the size of a message bounds them before this does.
const RECORDS_MAX: usize = 1 << 19;

/// Least bytes of a record: who and which, how many.
const RECORD_SIZE_MIN: usize = 2;

/// Bits beside the sender: its place is told, the number of its first unit is.
const PLACE_TOLD: u64 = 1;
const UNIT_TOLD: u64 = 2;
const SENDER_SHIFT: u32 = 2;

impl Field for Vec<Ordered> {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        write_count(self.len(), out);
        let mut expected = Expected::default();
        for record in self {
            let Ordered { first, run: Run { sender, from, count } } = *record;
            let place = (first != expected.place).then_some((PLACE_TOLD, first));
            let unit = (from != expected.unit(sender)).then_some((UNIT_TOLD, from));
            let told = [place, unit].into_iter().flatten();
            let bits = told.clone().map(|(bit, _)| bit).sum::<u64>();
            write_number((u64::from(sender) << SENDER_SHIFT) | bits, out);
            write_number(count.into(), out);
            told.for_each(|(_, number)| write_number(number, out));
            expected.pass(record);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.count("order records", RECORDS_MAX, RECORD_SIZE_MIN)?;
        let mut expected = Expected::default();
        let mut records = Self::with_capacity(count);
        for _ in 0..count {
            let head = read_number(input)?;
            let told = |input: &mut Reader<'_>, bit, expected| {
                if head & bit == 0 {
                    return Ok(expected);
                }
                // What follows by itself is not told: there is one way to write a list.
                read_number(input)
                    .and_then(|told| (told != expected).then_some(told).ok_or(MALFORMED))
            };
            let sender = u16::try_from(head >> SENDER_SHIFT).map_err(|_| MALFORMED)?;
            let count = u32::try_from(read_number(input)?).map_err(|_| MALFORMED)?;
            let first = told(input, PLACE_TOLD, expected.place)?;
            let from = told(input, UNIT_TOLD, expected.unit(sender))?;
            let record = Ordered { first, run: Run { sender, from, count } };
            expected.pass(&record);
            records.push(record);
        }
        Ok(records)
    }
}

const MALFORMED: WireError = WireError::Value("an order record");

/// What the next record says if it follows on those before it.
#[derive(Default)]
struct Expected {
    place: u64,
    units: BTreeMap<u16, u64>,
}

impl Expected {
    fn unit(&self, sender: u16) -> u64 {
        self.units.get(&sender).copied().unwrap_or(1)
    }

    fn pass(&mut self, record: &Ordered) {
        let Ordered { first, run: Run { sender, from, count } } = *record;
        // Behind units without a place come only such.
        self.place = if first == 0 { 0 } else { first.wrapping_add(count.into()) };
        self.units.insert(sender, from.wrapping_add(count.into()));
    }
}

/// Seven bits a byte, the lowest first; the top bit is set in all bytes but the last.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let low = |number: u64| u8::try_from(number & 0x7f).unwrap_or_default();
    while number > 0x7f {
        out.push(low(number) | 0x80);
        number >>= 7;
    }
    out.push(low(number));
}

/// The same back; no byte more than it needs.
fn read_number(input: &mut Reader<'_>) -> Result<u64, WireError> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = input.byte()?;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 { Err(MALFORMED) } else { Ok(number) };
        }
    }
    Err(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: u64, sender: u16, from: u64, count: u32) -> Ordered {
        Ordered { first, run: Run { sender, from, count } }
    }

    fn written(records: &Vec<Ordered>) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.write(&mut bytes);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Ordered>, WireError> {
        let mut input = Reader::new(bytes);
        let records = Vec::<Ordered>::read(&mut input)?;
        input.finish().map(|()| records)
    }

    #[test]
    fn what_follows_is_left_out() {
        let records = vec![
            record(7, 0, 4, 2),
            record(9, 1, 1, 1),
            record(10, 0, 6, 200),
            record(212, 1, 3, 1),
            record(0, 1, 4, 2),
            record(0, 300, 1, 1),
        ];
        let bytes = written(&records);
        let expected: [u8; 24] = [
            0, 0, 0, 6, // how many
            3, 2, 7, 4, // sender 0, place and unit told
            4, 1, // sender 1, everything follows
            0, 0xc8, 1, // sender 0 again, 200 units
            7, 1, 0xd4, 1, 3, // behind gaps
            5, 2, 0, // no place
            0xb0, 9, 1, // nor here
        ];
        assert_eq!(bytes, expected);
        assert_eq!(read(&bytes), Ok(records));
    }

    #[test]
    fn a_full_repair_buffer_takes_three_bytes_a_record() {
        let units = |at: u64| record(at + 1, u16::try_from(at % 3).unwrap(), at / 3 + 1, 1);
        let records: Vec<Ordered> = (0..1 << 16).map(units).collect();
        assert!(written(&records).len() < 3 << 16);
    }

    #[test]
    fn a_list_is_written_in_one_way() {
        let cases: [(&str, &[u8]); 7] = [
            ("place that follows", &[0, 0, 0, 1, 1, 1, 0]),
            ("unit that follows", &[0, 0, 0, 1, 2, 1, 1]),
            ("number with a byte too many", &[0, 0, 0, 1, 0x80, 0, 1]),
            (
                "number above 64 bits",
                &[0, 0, 0, 1, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            ),
            (
                "number without end",
                &[0, 0, 0, 1, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
            ("no such sender", &[0, 0, 0, 1, 0x80, 0x80, 0x10, 1]),
            ("too many units", &[0, 0, 0, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x10]),
        ];
        for (what, bytes) in cases {
            assert_eq!(read(bytes), Err(MALFORMED), "{what}");
        }
        assert_eq!(read(&[0, 0, 0, 2, 0, 1, 0]), Err(WireError::TooMany("order records")));
    }
}
