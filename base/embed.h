// base/embed.h - builds a file's bytes into the program (C23 will have #embed).
#pragma once

#include <stddef.h>

// SR_EMBED(init_sql, "statemachine/migrations/0001_init.sql"); at file scope gives
//     extern const char init_sql[];      the bytes, then a NUL
//     extern const char init_sql_end[];  at that NUL: the size is init_sql_end - init_sql
// The path is from the root and the file in a subfolder of the including source's folder: those are
// what the Makefile makes objects depend on. Names are global: give them the module's prefix.
#define SR_EMBED(name, path)                                                                       \
    extern const char name[], name##_end[];                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #name "\n.global " #name "_end\n" #name ":\n"                               \
            ".incbin \"" path "\"\n" #name "_end:\n"                                               \
            ".byte 0\n"                                                                            \
            ".popsection\n")
