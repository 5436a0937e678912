#include "service/states_priv.h"

const struct states_op states_test_ops[] = { { .name = NULL } };
