// tests/barcode.h - reads the frame number that media-fixtures/make-fixtures.sh burns into each picture.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

// The barcode is a grid of 8 columns and 3 rows of black and white cells in the top 3/8 of the
// picture: a cell is 1/8 of the width and 1/8 of the height, so it scales with the picture.
// Row by row, from the left (W is white, B is black, n15 is the number's highest bit):
//     W   n15 n14 n13 n12 n11 n10 B
//     n9  n8  n7  n6  n5  n4  n3  n2
//     B   n1  n0  c3  c2  c1  c0  W
// where c3..c0 is the exclusive or of the number's four nibbles and binary 1010. The corners reject
// a picture that is mirrored, turned or inverted; grey cells reject a blend of two pictures.
enum { BARCODE_COLUMNS = 8, BARCODE_ROWS = 3 };

// Reads the number from the luma plane of one picture, of any size from 16x16, any colour range or
// transfer; true when corners, contrast and check bits hold.
// Units:   width and height in samples, stride in bytes (may be negative); bits_per_sample is 8
//          (bytes) or 10 (16-bit little endian). Both sides are at most 65535.
// Errors:  false leaves *ret_number alone: no barcode here, or a size or depth not supported.
// Threads: pure; any thread.
SR_MUST_USE bool barcode_read(const uint8_t *luma, int width, int height, ptrdiff_t stride,
                              int bits_per_sample, uint32_t *ret_number);
