#include "service/states_priv.h"

const struct states_op states_version_ops[] = { { .name = NULL } };
