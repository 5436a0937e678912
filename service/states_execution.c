#include "service/states_priv.h"

const struct states_op states_execution_ops[] = { { .name = NULL } };
