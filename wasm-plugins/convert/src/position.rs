//! Byte offsets as lines and columns.

/// Line and column of a byte offset, both counted from 1, columns in characters. A line ends with
/// `\n`, `\r\n` or `\r`.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let bytes = text.as_bytes();
    let ends_line = |index: usize| match bytes[index] {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    };
    let lines = (0..offset).filter(|&index| ends_line(index)).count();
    let line_end = (0..offset).rev().find(|&index| ends_line(index));
    let line = &text[line_end.map_or(0, |index| index + 1)..offset];
    (lines + 1, line.chars().count() + 1)
}
