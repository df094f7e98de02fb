//! What C passes, as values; values to where C wants them.
//!
//! These functions are what the entry points trust a program with: that a pointer which is not NULL
//! leads to what the header says.

use rustix::io::Errno;
use std::ffi::{c_char, c_int};

/// The text that a pointer leads to, at most `max` bytes of it. A longer one is an error, and no
/// more is read of it than that takes to see.
///
/// # Safety
/// The pointer is NULL or leads to a text with an end, which nobody changes meanwhile.
pub(crate) unsafe fn text<'a>(from: *const c_char, max: usize) -> Result<&'a [u8], Errno> {
    if from.is_null() {
        return Err(Errno::INVAL);
    }
    // SAFETY: a text of C can only be looked at so. It reads up to its end, or to `max` and one
    // byte more, which a longer text has.
    let len = unsafe { libc::strnlen(from, max + 1) };
    if len > max {
        return Err(Errno::INVAL);
    }
    // SAFETY: the bytes were just read, and the program leaves them as they are.
    Ok(unsafe { std::slice::from_raw_parts(from.cast(), len) })
}

/// The bytes that a pointer leads to.
///
/// # Safety
/// The pointer is NULL or leads to `len` bytes, which nobody changes meanwhile.
pub(crate) unsafe fn bytes<'a>(from: *const u8, len: c_int) -> Result<&'a [u8], Errno> {
    match usize::try_from(len) {
        Ok(0) => Ok(&[]),
        Ok(len) if !from.is_null() => {
            // SAFETY: data of C can only be looked at so; the caller answers for the length.
            Ok(unsafe { std::slice::from_raw_parts(from, len) })
        }
        _ => Err(Errno::INVAL),
    }
}

/// The structure that a pointer leads to.
///
/// # Safety
/// The pointer is NULL or leads to such a structure.
pub(crate) unsafe fn read<T: Copy>(from: *const T) -> Result<T, Errno> {
    if from.is_null() {
        return Err(Errno::INVAL);
    }
    // SAFETY: not NULL, so it leads to one; programs need not have aligned it.
    Ok(unsafe { from.read_unaligned() })
}

/// Puts a value where a pointer leads.
///
/// # Safety
/// The pointer leads to room for the value, and is not NULL.
pub(crate) unsafe fn put<T>(to: *mut T, value: T) {
    // SAFETY: an output of C can only be written so; the caller answers for the room. Programs need
    // not have aligned it.
    unsafe { to.write_unaligned(value) }
}

/// Puts values one behind the other where a pointer leads, at most `room` of them. Returns how many
/// those are.
///
/// # Safety
/// The pointer leads to room for so many, and is not NULL if that is any.
pub(crate) unsafe fn put_all<T: Copy>(to: *mut T, room: usize, values: &[T]) -> usize {
    let fitting = values.get(..room).unwrap_or(values);
    for (at, value) in fitting.iter().enumerate() {
        // SAFETY: below `room`, so inside what the caller answers for.
        let place = unsafe { to.add(at) };
        // SAFETY: as above.
        unsafe { put(place, *value) };
    }
    fitting.len()
}

/// A text with zeros behind it, at least one: as much of it as there is room for.
pub(crate) fn padded<const ROOM: usize>(text: &[u8]) -> [u8; ROOM] {
    let mut room = [0; ROOM];
    for (place, byte) in room.iter_mut().take(ROOM.saturating_sub(1)).zip(text) {
        *place = *byte;
    }
    room
}

/// A number, as much of it as C has room for.
pub(crate) fn counted(number: u32) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_up_to_their_end_or_the_limit() {
        let text_of = |from: &std::ffi::CStr, max| {
            // SAFETY: it has an end.
            unsafe { text(from.as_ptr(), max) }.map(<[u8]>::to_vec)
        };
        assert_eq!(text_of(c"", 3), Ok(b"".to_vec()));
        assert_eq!(text_of(c"abc", 3), Ok(b"abc".to_vec()));
        assert_eq!(text_of(c"abcd", 3), Err(Errno::INVAL));
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { text(std::ptr::null(), 3) }, Err(Errno::INVAL));
    }

    #[test]
    fn no_more_is_written_than_there_is_room_for() {
        let mut room = [0_u32; 3];
        // SAFETY: there is room for two, and for one more that must stay.
        assert_eq!(unsafe { put_all(room.as_mut_ptr(), 2, &[7, 8, 9]) }, 2);
        assert_eq!(room, [7, 8, 0]);
        // SAFETY: as above.
        assert_eq!(unsafe { put_all(room.as_mut_ptr(), 3, &[1]) }, 1);
        assert_eq!(room, [1, 8, 0]);
    }

    #[test]
    fn a_text_always_has_an_end() {
        assert_eq!(padded::<4>(b"ab"), *b"ab\0\0");
        assert_eq!(padded::<4>(b"abcdef"), *b"abc\0");
    }
}
