// pipeline/preset.h - templates: renditions and outputs under a name. The data files are in
// presets/, built in.
#pragma once

#include "base/jx.h"

// Names of all templates, ends with NULL.
const char *const *preset_names(void);
// {"renditions": [...], "outputs": [...]} of a template, as a manifest spells them; the caller owns
// it. Errors: INVALID (no such template: the error names all), NO_MEMORY.
SR_MUST_USE bool preset_find(const char *name, json_t **ret_preset, struct sr_err *err);
