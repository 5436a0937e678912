#include "service/states_priv.h"

const struct states_op states_activity_ops[] = { { .name = NULL } };
