// tests/env.h - numbers that a test is told by its environment, and chance that comes of a seed.
#pragma once

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t env_number(const char *name, uint64_t unless)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : unless;
}

static inline uint64_t env_draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}
