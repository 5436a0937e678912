// media-fixtures/barcode-scan.c - frame numbers of raw grey pictures on stdin, as JSON on stdout.
//
//     ffmpeg -i FILE -pix_fmt gray -f rawvideo - | barcode-scan WIDTH HEIGHT
//
// Prints "numbers": [[first, last], ...], "count": N (members of an object): runs of numbers that
// rise by one, in the order of the pictures; null stands for a picture whose number cannot be read.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/barcode.h"

static void print_run(bool *first_run, uint32_t first, uint32_t last)
{
    printf("%s[%u, %u]", *first_run ? "" : ", ", first, last);
    *first_run = false;
}

static bool scan(uint8_t *luma, int width, int height)
{
    const size_t bytes = (size_t)width * (size_t)height;
    unsigned long count = 0;
    bool first_run = true, in_run = false;
    uint32_t first = 0, last = 0;
    size_t got;

    printf("\"numbers\": [");
    while ((got = fread(luma, 1, bytes, stdin)) == bytes) {
        uint32_t number;
        count++;
        const bool readable = barcode_read(luma, width, height, width, 8, &number);
        if (in_run && readable && number == last + 1) {
            last = number;
            continue;
        }
        if (in_run)
            print_run(&first_run, first, last);
        if (!readable)
            printf("%snull", first_run ? "" : ", ");
        first_run = first_run && readable && !in_run;
        in_run = readable;
        if (readable)
            first = last = number;
    }
    if (in_run)
        print_run(&first_run, first, last);
    printf("], \"count\": %lu\n", count);
    return got == 0 && !ferror(stdin);
}

int main(int argc, char **argv)
{
    const int width = argc == 3 ? atoi(argv[1]) : 0, height = argc == 3 ? atoi(argv[2]) : 0;
    if (width < 1 || height < 1 || width > 65535 || height > 65535) {
        fprintf(stderr, "usage: barcode-scan WIDTH HEIGHT\n");
        return 2;
    }
    uint8_t *luma = malloc((size_t)width * (size_t)height);
    if (!luma)
        return 1;
    const bool whole = scan(luma, width, height);
    free(luma);
    if (!whole)
        fprintf(stderr, "barcode-scan: input ends inside a picture\n");
    return whole ? 0 : 1;
}
