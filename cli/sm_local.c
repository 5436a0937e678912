// `splitreel sm validate` and `sm run`: without a server.
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/sm.h"
#include "statemachine/asl_check.h"
#include "statemachine/engine_once.h"

enum { SM_MOCK_BYTES_MAX = 16 << 20 };

static bool show_faults(const struct asl_faults *faults, int *ret_status, struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    if (!asl_faults_to_json(faults, &json, err) || !sm_print(json, true, err))
        return false;
    *ret_status = faults->count ? sr_err_row(SR_ERR_INVALID)->exit_status : 0;
    return true;
}

static bool type_of(const char *said, enum asl_machine_type *ret_type, struct sr_err *err)
{
    const bool express = said && strcmp(said, "EXPRESS") == 0;
    if (said && !express && strcmp(said, "STANDARD") != 0)
        return sr_fail(err, SR_ERR_INVALID, "--type %.40s: want STANDARD or EXPRESS", said);
    *ret_type = express ? ASL_EXPRESS : ASL_STANDARD;
    return true;
}

bool sm_validate(const struct cli *cli, const struct sm_words *words, int *ret_status,
                 struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *json = NULL;
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    enum asl_machine_type type = ASL_STANDARD;
    (void)cli;
    return type_of(words->value[SM_TYPE], &type, err) &&
           sm_read(words->operand, ASL_DEFINITION_BYTES_MAX, &text, err) &&
           asl_check_text(text, strlen(text), type, &faults, &json, err) &&
           show_faults(&faults, ret_status, err);
}

static bool load_mock(const char *path, json_t **ret_mock, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (!path)
        return true;
    if (!sm_read(path, SM_MOCK_BYTES_MAX, &text, err))
        return false;
    if (!jx_parse(text, strlen(text), true, ret_mock, err))
        return sr_err_wrap(err, "%.120s", path);
    return true;
}

bool sm_run(const struct cli *cli, const struct sm_words *words, int *ret_status,
            struct sr_err *err)
{
    sr_auto(char) char *definition = NULL, *input = NULL, *database = NULL;
    const char *keep = words->value[SM_KEEP];
    sr_auto(json) json_t *mock = NULL;
    sr_auto(engine_once_result) struct engine_once_result result = { 0 };
    if (!sm_read(words->operand, ASL_DEFINITION_BYTES_MAX, &definition, err) ||
        !sm_input(words->value[SM_INPUT], &input, err) ||
        !load_mock(words->value[SM_MOCK], &mock, err))
        return false;
    if (keep && (!sr_make_folders(keep, err) || !(database = sm_database(keep, err))))
        return false;
    const struct engine_once_params params = { .definition = definition,
                                               .input = input,
                                               .mock = mock,
                                               .fast = words->value[SM_FAST] != NULL,
                                               .database = database,
                                               .cancel = cli->stop };
    if (!engine_once(&params, &result, err))
        return false;
    if (result.faults.count)
        return show_faults(&result.faults, ret_status, err);
    if (words->value[SM_HISTORY] &&
        !jx_put(result.execution, "events", json_incref(result.events), err))
        return false;
    *ret_status = result.status == ASL_SUCCEEDED ? 0 : 1;
    return sm_print(result.execution, true, err);
}
