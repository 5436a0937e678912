#include "service/states_priv.h"

const struct states_op states_tag_ops[] = { { .name = NULL } };
