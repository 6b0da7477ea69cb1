;; The two loops that go over every byte of a merge, sixteen bytes at a time: comparing a page's lines
;; with a layout (`layout-walk.ts`), and copying them with labels inserted (`label-insertion.ts`).
;;
;; `npm run build:kernel` assembles it; a test holds that kernel.wasm is what stands here.
(module
  ;; 0: what a function returns; the rest is laid out by kernel.ts.
  (memory (export "memory") 24 24)

  ;; The address behind the line feed that ends the value at $at, or 0: not told here. That is so for
  ;; what is rare: an exemplar, three digits of exponent, more than 31 characters.
  (func $lineEnd (param $at i32) (result i32)
    (local $low v128) (local $high v128)
    (local $digits i32) (local $dots i32) (local $length i32) (local $within i32) (local $byte i32)
    (if (i32.eq (i32.load (local.get $at)) (i32.const 0x0a4e614e)) ;; "NaN\n"
      (then (return (i32.add (local.get $at) (i32.const 4)))))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45)) ;; "-"
      (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (local.set $low (v128.load (local.get $at)))
    (local.set $high (v128.load offset=16 (local.get $at)))

    ;; One bit for each of the next 32 characters.
    (local.set $digits
      (i32.or
        (call $digitsIn (local.get $low))
        (i32.shl (call $digitsIn (local.get $high)) (i32.const 16))))
    (local.set $dots
      (i32.or
        (i8x16.bitmask (i8x16.eq (local.get $low) (i8x16.splat (i32.const 46))))
        (i32.shl
          (i8x16.bitmask (i8x16.eq (local.get $high) (i8x16.splat (i32.const 46))))
          (i32.const 16))))
    (local.set $length
      (i32.ctz (i32.xor (i32.or (local.get $digits) (local.get $dots)) (i32.const -1))))
    (if (i32.eq (local.get $length) (i32.const 32)) (then (return (i32.const 0))))

    ;; A digit, and at most one dot.
    (local.set $within
      (i32.sub (i32.shl (i32.const 1) (local.get $length)) (i32.const 1)))
    (if (i32.eqz (i32.and (local.get $digits) (local.get $within)))
      (then (return (i32.const 0))))
    (if (i32.gt_u (i32.popcnt (i32.and (local.get $dots) (local.get $within))) (i32.const 1))
      (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (local.get $length)))
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $byte) (i32.const 10)) ;; "\n"
      (then (return (i32.add (local.get $at) (i32.const 1)))))

    ;; A blank and a timestamp: up to 16 digits are one in both formats.
    (if (i32.eq (local.get $byte) (i32.const 32)) ;; " "
      (then
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length
          (i32.ctz
            (i32.xor (call $digitsIn (v128.load (local.get $at))) (i32.const -1))))
        (local.set $at (i32.add (local.get $at) (local.get $length)))
        (return
          (select
            (i32.add (local.get $at) (i32.const 1))
            (i32.const 0)
            (i32.and
              (i32.ne (local.get $length) (i32.const 0))
              (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)))))))

    ;; "e" or "E", a sign, one or two digits: no such number overflows.
    (if (i32.ne (i32.or (local.get $byte) (i32.const 32)) (i32.const 101))
      (then (return (i32.const 0))))
    (local.set $byte (i32.load8_u offset=1 (local.get $at)))
    (local.set $at
      (i32.add
        (local.get $at)
        (select
          (i32.const 2)
          (i32.const 1)
          (i32.or
            (i32.eq (local.get $byte) (i32.const 43)) ;; "+"
            (i32.eq (local.get $byte) (i32.const 45))))))
    (if (i32.eqz (call $isDigit (local.get $at))) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $at (i32.add (local.get $at) (call $isDigit (local.get $at))))
    (select
      (i32.add (local.get $at) (i32.const 1))
      (i32.const 0)
      (i32.eq (i32.load8_u (local.get $at)) (i32.const 10))))

  ;; A bit for each of 16 characters.
  (func $digitsIn (param $characters v128) (result i32)
    (i8x16.bitmask
      (i8x16.lt_u
        (i8x16.sub (local.get $characters) (i8x16.splat (i32.const 48)))
        (i8x16.splat (i32.const 10)))))

  (func $isDigit (param $at i32) (result i32)
    (i32.lt_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)) (i32.const 10)))

  ;; Walks lines that are the layout's. Stops at the first one that is not, or whose value is not told
  ;; here, at $recordsEnd or at $end.
  (func (export "walk")
    (param $record i32) ;; the layout's next line: length, insert, family, nothing; its bytes
    (param $recordsEnd i32)
    (param $at i32) ;; the page's next line
    (param $end i32) ;; no byte of the page is known from here on
    (param $base i32) ;; where the page's first byte would be
    (param $insertAt i32) ;; where to write: an integer for each sample line
    (param $spanAt i32) ;; where to write: five integers for each run of lines of one family
    (param $lines i32) ;; sample lines so far
    (param $family i32) ;; of the run that goes on, or -1; its first byte and line
    (param $from i32)
    (param $first i32)
    (local $walked i32) (local $length i32) (local $insert i32) (local $owner i32)
    (local $next i32) (local $text i32) (local $done i32) (local $offset i32)
    (block $stop
      (loop $line
        (br_if $stop (i32.ge_u (local.get $record) (local.get $recordsEnd)))
        (local.set $length (i32.load (local.get $record)))
        (local.set $insert (i32.load offset=4 (local.get $record)))
        (local.set $owner (i32.load offset=8 (local.get $record)))
        (local.set $text (i32.add (local.get $record) (i32.const 16)))
        (local.set $next (i32.add (local.get $at) (local.get $length)))
        (br_if $stop (i32.gt_u (local.get $next) (local.get $end)))

        ;; The same bytes? What is compared behind them is masked.
        (local.set $done (i32.const 0))
        (block $tail
          (loop $sixteen
            (br_if $tail
              (i32.gt_u (i32.add (local.get $done) (i32.const 16)) (local.get $length)))
            (br_if $stop
              (v128.any_true
                (v128.xor
                  (v128.load (i32.add (local.get $at) (local.get $done)))
                  (v128.load (i32.add (local.get $text) (local.get $done))))))
            (local.set $done (i32.add (local.get $done) (i32.const 16)))
            (br $sixteen)))
        (br_if $stop
          (i32.and
            (i32.xor
              (i8x16.bitmask
                (i8x16.eq
                  (v128.load (i32.add (local.get $at) (local.get $done)))
                  (v128.load (i32.add (local.get $text) (local.get $done)))))
              (i32.const -1))
            (i32.sub
              (i32.shl (i32.const 1) (i32.sub (local.get $length) (local.get $done)))
              (i32.const 1))))

        (if (i32.ne (local.get $insert) (i32.const -1)) ;; a sample
          (then
            (local.set $next (call $lineEnd (local.get $next)))
            (br_if $stop (i32.eqz (local.get $next)))
            (br_if $stop (i32.gt_u (local.get $next) (local.get $end)))))

        (local.set $offset (i32.sub (local.get $at) (local.get $base)))
        (if (i32.ne (local.get $owner) (local.get $family))
          (then
            (if (i32.ge_s (local.get $family) (i32.const 0))
              (then
                (i32.store (local.get $spanAt) (local.get $family))
                (i32.store offset=4 (local.get $spanAt) (local.get $from))
                (i32.store offset=8 (local.get $spanAt) (local.get $offset))
                (i32.store offset=12 (local.get $spanAt) (local.get $first))
                (i32.store offset=16 (local.get $spanAt) (local.get $lines))
                (local.set $spanAt (i32.add (local.get $spanAt) (i32.const 20)))))
            (local.set $family (local.get $owner))
            (local.set $from (local.get $offset))
            (local.set $first (local.get $lines))))
        (if (i32.ge_s (local.get $owner) (i32.const 0))
          (then
            (i32.store
              (local.get $insertAt)
              (i32.add (local.get $insert) (i32.shl (local.get $offset) (i32.const 2))))
            (local.set $insertAt (i32.add (local.get $insertAt) (i32.const 4)))
            (local.set $lines (i32.add (local.get $lines) (i32.const 1)))))

        (local.set $at (local.get $next))
        (local.set $walked (i32.add (local.get $walked) (i32.const 1)))
        (local.set $record
          (i32.add
            (local.get $text)
            (i32.and (i32.add (local.get $length) (i32.const 15)) (i32.const -16))))
        (br $line)))
    (i32.store offset=0 (i32.const 0) (i32.sub (local.get $at) (local.get $base)))
    (i32.store offset=4 (i32.const 0) (local.get $walked))
    (i32.store offset=8 (i32.const 0) (local.get $lines))
    (i32.store offset=12 (i32.const 0) (local.get $spanAt))
    (i32.store offset=16 (i32.const 0) (local.get $family))
    (i32.store offset=20 (i32.const 0) (local.get $from))
    (i32.store offset=24 (i32.const 0) (local.get $first)))

  ;; Copies lines up to where labels go, and the labels. Stops at $insertsEnd, at the first line that
  ;; is not known up to there, and where the next one has no room.
  (func (export "insert")
    (param $from i32) ;; the page's next byte
    (param $end i32) ;; no byte of the page is known from here on
    (param $base i32) ;; where the page's first byte would be
    (param $inserts i32) ;; an integer for each line: where labels go, times four, plus how
    (param $insertsEnd i32)
    (param $labels i32) ;; each followed by a comma; not empty
    (param $labelsLength i32)
    (param $out i32) ;; where to write
    (param $outEnd i32) ;; fifteen more bytes may be overwritten
    (local $insert i32) (local $to i32) (local $length i32) (local $done i32) (local $kind i32)
    (block $stop
      (loop $line
        (br_if $stop (i32.ge_u (local.get $inserts) (local.get $insertsEnd)))
        (local.set $insert (i32.load (local.get $inserts)))
        (local.set $to
          (i32.add (local.get $base) (i32.shr_u (local.get $insert) (i32.const 2))))
        (br_if $stop (i32.gt_u (local.get $to) (local.get $end)))
        (local.set $length (i32.sub (local.get $to) (local.get $from)))
        (br_if $stop
          (i32.gt_u
            (i32.add
              (i32.add (local.get $out) (local.get $length))
              (i32.add (local.get $labelsLength) (i32.const 2))) ;; a pair of braces at most
            (local.get $outEnd)))

        (local.set $done (i32.const 0))
        (loop $bytes
          (v128.store
            (i32.add (local.get $out) (local.get $done))
            (v128.load (i32.add (local.get $from) (local.get $done))))
          (local.set $done (i32.add (local.get $done) (i32.const 16)))
          (br_if $bytes (i32.lt_u (local.get $done) (local.get $length))))
        (local.set $out (i32.add (local.get $out) (local.get $length)))
        (local.set $from (local.get $to))

        (local.set $kind (i32.and (local.get $insert) (i32.const 3)))
        (if (i32.eqz (local.get $kind)) ;; BARE
          (then
            (i32.store8 (local.get $out) (i32.const 123)) ;; "{"
            (local.set $out (i32.add (local.get $out) (i32.const 1)))))
        (if (i32.eq (local.get $kind) (i32.const 3)) ;; BEHIND
          (then
            (i32.store8 (local.get $out) (i32.const 44)) ;; ","
            (local.set $out (i32.add (local.get $out) (i32.const 1)))))
        (local.set $done (i32.const 0))
        (loop $labels
          (v128.store
            (i32.add (local.get $out) (local.get $done))
            (v128.load (i32.add (local.get $labels) (local.get $done))))
          (local.set $done (i32.add (local.get $done) (i32.const 16)))
          (br_if $labels (i32.lt_u (local.get $done) (local.get $labelsLength))))
        (local.set $out (i32.add (local.get $out) (local.get $labelsLength)))
        (if (i32.ne (local.get $kind) (i32.const 1)) ;; all but BEFORE: no label follows
          (then (local.set $out (i32.sub (local.get $out) (i32.const 1)))))
        (if (i32.eqz (local.get $kind))
          (then
            (i32.store8 (local.get $out) (i32.const 125)) ;; "}"
            (local.set $out (i32.add (local.get $out) (i32.const 1)))))

        (local.set $inserts (i32.add (local.get $inserts) (i32.const 4)))
        (br $line)))
    (i32.store offset=0 (i32.const 0) (local.get $out))
    (i32.store offset=4 (i32.const 0) (i32.sub (local.get $from) (local.get $base)))
    (i32.store offset=8 (i32.const 0) (local.get $inserts))))
