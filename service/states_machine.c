#include "service/states_priv.h"

const struct states_op states_machine_ops[] = { { .name = NULL } };
