#include "service/states_priv.h"

const struct states_op states_alias_ops[] = { { .name = NULL } };
