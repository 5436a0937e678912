// `splitreel sm create`, `start`, `describe`, `history`, `stop`, `list`: calls of the Step
// Functions API.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "cli/sm.h"
#include "net/sfn_client.h"
#include "statemachine/asl_check.h"

// AWS wants a role of every state machine; a server of ours does nothing with it.
#define ROLE "arn:aws:iam::000000000000:role/splitreel"

struct remote {
    struct credentials *credentials;
    struct sfn_client *client;
};
static void remote_done(struct remote *remote)
{
    sfn_client_free(remote->client);
    credentials_free(remote->credentials);
}
SR_DEFINE_AUTO_VALUE(remote, struct remote, remote_done);

static bool find_server(const struct sm_words *words, struct credentials *credentials,
                        char **ret_url, struct sr_err *err)
{
    const char *url = words->value[SM_SERVER];
    if (!url)
        url = getenv("AWS_ENDPOINT_URL_SFN");
    if (!url)
        url = getenv("AWS_ENDPOINT_URL");
    if (url) {
        *ret_url = sr_str_dup(url, err);
        return *ret_url != NULL;
    }
    if (!credentials_setting(credentials, "endpoint_url", ret_url, err))
        return false;
    return *ret_url || sr_fail(err, SR_ERR_INVALID, "no server: name it with --server URL");
}

static bool open_remote(const struct sm_words *words, struct remote *remote, struct sr_err *err)
{
    const struct credentials_params chain = { .profile = words->value[SM_PROFILE] };
    sr_auto(char) char *url = NULL;
    if (!credentials_new(&chain, &remote->credentials, err) ||
        !find_server(words, remote->credentials, &url, err))
        return false;
    const struct sfn_client_params params = {
        .url = url,
        .credentials = words->value[SM_UNSIGNED] ? NULL : remote->credentials,
        .region = words->value[SM_REGION],
    };
    return sfn_client_new(&params, &remote->client, err);
}

// Takes `request`; prints the answer.
static bool call(const struct cli *cli, const struct sm_words *words, const char *op,
                 json_t *request, struct sr_err *err)
{
    sr_auto(json) json_t *owned = request, *answer = NULL;
    sr_auto(remote) struct remote remote = { 0 };
    return jx_made(owned, err) && open_remote(words, &remote, err) &&
           sfn_client_call(remote.client, op, owned, cli->stop, &answer, err) &&
           sm_print(answer, true, err);
}

static bool read_limit(const char *said, size_t *ret_limit, struct sr_err *err)
{
    *ret_limit = 0;
    if (!said)
        return true;
    char *end = NULL;
    errno = 0;
    const unsigned long long limit = strtoull(said, &end, 10);
    if (errno || end == said || *end || said[0] < '0' || said[0] > '9' || !limit)
        return sr_fail(err, SR_ERR_INVALID, "--limit %.40s: want a number from 1", said);
    *ret_limit = (size_t)limit;
    return true;
}

// The same for a list of pages.
static bool call_pages(const struct cli *cli, const struct sm_words *words, const char *op,
                       const char *items, json_t *request, struct sr_err *err)
{
    sr_auto(json) json_t *owned = request, *answer = NULL;
    sr_auto(remote) struct remote remote = { 0 };
    size_t limit;
    return jx_made(owned, err) && read_limit(words->value[SM_LIMIT], &limit, err) &&
           open_remote(words, &remote, err) &&
           sfn_client_pages(remote.client, op, owned, items, limit, cli->stop, &answer, err) &&
           sm_print(answer, true, err);
}

bool sm_create(const struct cli *cli, const struct sm_words *words, int *ret_status,
               struct sr_err *err)
{
    sr_auto(char) char *definition = NULL;
    const char *role = words->value[SM_ROLE];
    (void)ret_status;
    if (!words->value[SM_NAME])
        return sr_fail(err, SR_ERR_INVALID, "sm create: wants --name NAME");
    if (!sm_read(words->operand, ASL_DEFINITION_BYTES_MAX, &definition, err))
        return false;
    return call(cli, words, "CreateStateMachine",
                json_pack("{s:s, s:s, s:s, s:s*}", "name", words->value[SM_NAME], "definition",
                          definition, "roleArn", role ? role : ROLE, "type", words->value[SM_TYPE]),
                err);
}

// With a name of its own a start that is sent twice starts one execution.
bool sm_start(const struct cli *cli, const struct sm_words *words, int *ret_status,
              struct sr_err *err)
{
    sr_auto(char) char *input = NULL;
    char name[SR_ID_TEXT];
    (void)ret_status;
    if (!sm_input(words->value[SM_INPUT], &input, err) || !sr_id_new(sr_clock_system(), name, err))
        return false;
    return call(cli, words, "StartExecution",
                json_pack("{s:s, s:s, s:s}", "stateMachineArn", words->operand, "input", input,
                          "name", words->value[SM_NAME] ? words->value[SM_NAME] : name),
                err);
}

bool sm_describe(const struct cli *cli, const struct sm_words *words, int *ret_status,
                 struct sr_err *err)
{
    static const struct {
        const char *part, *op, *key;
    } kinds[] = {
        { ":execution:", "DescribeExecution", "executionArn" },
        { ":express:", "DescribeExecution", "executionArn" },
        { ":stateMachine:", "DescribeStateMachine", "stateMachineArn" },
        { ":activity:", "DescribeActivity", "activityArn" },
        { ":mapRun:", "DescribeMapRun", "mapRunArn" },
    };
    (void)ret_status;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strstr(words->operand, kinds[i].part))
            return call(cli, words, kinds[i].op, json_pack("{s:s}", kinds[i].key, words->operand),
                        err);
    }
    return sr_fail(err, SR_ERR_INVALID,
                   "%.120s: want the ARN of an execution, state machine or activity",
                   words->operand);
}

bool sm_history(const struct cli *cli, const struct sm_words *words, int *ret_status,
                struct sr_err *err)
{
    (void)ret_status;
    return call_pages(cli, words, "GetExecutionHistory", "events",
                      json_pack("{s:s, s:b}", "executionArn", words->operand, "reverseOrder",
                                words->value[SM_REVERSE] != NULL),
                      err);
}

bool sm_stop(const struct cli *cli, const struct sm_words *words, int *ret_status,
             struct sr_err *err)
{
    (void)ret_status;
    return call(cli, words, "StopExecution",
                json_pack("{s:s, s:s*, s:s*}", "executionArn", words->operand, "error",
                          words->value[SM_ERROR], "cause", words->value[SM_CAUSE]),
                err);
}

bool sm_list(const struct cli *cli, const struct sm_words *words, int *ret_status,
             struct sr_err *err)
{
    (void)ret_status;
    if (!words->operand && words->value[SM_STATUS])
        return sr_fail(err, SR_ERR_INVALID, "--status: name the state machine whose executions");
    if (!words->operand)
        return call_pages(cli, words, "ListStateMachines", "stateMachines", json_object(), err);
    return call_pages(cli, words, "ListExecutions", "executions",
                      json_pack("{s:s, s:s*}", "stateMachineArn", words->operand, "statusFilter",
                                words->value[SM_STATUS]),
                      err);
}
