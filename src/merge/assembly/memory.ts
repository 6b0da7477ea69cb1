/**
 * How the kernel's memory is laid out. `kernel.ts` in the folder above reads these addresses from
 * the compiled module.
 */

/** What a call returns: integers from here on. */
export const RESULT_AT: i32 = 0;

/** Labels to insert. */
export const LABELS_AT: i32 = 1_024;
export const LABELS_BYTES: i32 = 8_192;

/** The labels of the line that is being scanned: head, length, address; sixteen bytes each. */
export const SEEN_AT: i32 = LABELS_AT + LABELS_BYTES + 64;
export const MAX_LABELS: i32 = 24;

/**
 * The reserved label names: a bitmap of 64 integers by length and first letter, then the number of
 * names, then for each its head, length and address; then the names.
 */
export const RESERVED_AT: i32 = SEEN_AT + MAX_LABELS * 16;
export const MAX_RESERVED: i32 = 48;
export const RESERVED_TEXT_AT: i32 = RESERVED_AT + 64 * 4 + 16 + MAX_RESERVED * 16;
export const RESERVED_TEXT_BYTES: i32 = 4_096;

/** The names of samples and families: a hash table of places, then the entries. */
export const NAME_TABLE_AT: i32 = RESERVED_TEXT_AT + RESERVED_TEXT_BYTES + 64;
export const NAME_TABLE_SIZE: i32 = 16_384;
export const NAMES_AT: i32 = NAME_TABLE_AT + NAME_TABLE_SIZE * 4;
export const MAX_NAMES: i32 = 8_192;
/**
 * Integers of a name: hash, address, length, the place of the name without its suffix or -1, a byte of
 * types that have the suffix for each format and one for whether exemplars may follow, the page that last declared the name's type, that type,
 * and the page that last named it in a comment.
 */
export const NAME_BYTES: i32 = 32;

/** The comment lines: likewise. */
export const COMMENT_TABLE_AT: i32 = NAMES_AT + MAX_NAMES * NAME_BYTES;
export const COMMENT_TABLE_SIZE: i32 = 32_768;
export const COMMENTS_AT: i32 = COMMENT_TABLE_AT + COMMENT_TABLE_SIZE * 4;
export const MAX_COMMENTS: i32 = 16_384;
/** Integers of a comment: hash, address, length, and what it says. */
export const COMMENT_BYTES: i32 = 16;

/** The bytes of names and comment lines. */
export const TEXT_AT: i32 = COMMENTS_AT + MAX_COMMENTS * COMMENT_BYTES;
export const TEXT_BYTES: i32 = 1 << 21;

/** A window on the page, aligned. */
export const PAGE_AT: i32 = TEXT_AT + TEXT_BYTES + 64;
export const PAGE_BYTES: i32 = 65_536;
/** The shortest sample line has four bytes: `a 1`. */
export const MAX_LINES: i32 = PAGE_BYTES / 4;

/** What a scan writes: an integer for each sample line. */
export const INSERTS_AT: i32 = PAGE_AT + PAGE_BYTES + 128;
/** Two integers for each comment: its place, and its offset in the page. */
export const COMMENTED_AT: i32 = INSERTS_AT + MAX_LINES * 4;
/** Two integers for each edit: its offset in the page, and how many bytes to cut there; 0 for a rename. */
export const EDITS_AT: i32 = COMMENTED_AT + PAGE_BYTES * 4;
export const EDITS_BYTES: i32 = PAGE_BYTES * 2;
/** Two integers for each sample line: a hash of its series, or 0, and the offset of its value. */
export const SERIES_AT: i32 = EDITS_AT + EDITS_BYTES;
/** Five integers for each run of lines of one family; or the bytes that `insert` writes. */
export const WRITTEN_AT: i32 = SERIES_AT + MAX_LINES * 8;
export const WRITTEN_BYTES: i32 = MAX_LINES * 20;
export const END: i32 = WRITTEN_AT + WRITTEN_BYTES + 64;
