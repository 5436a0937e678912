// The rules of a folder.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/rule.h"

void rules_done(struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        rule_free(rules->items[i]);
    free(rules->items);
    *rules = (struct rules){ 0 };
}

static int is_rule(const struct dirent *entry)
{
    const size_t bytes = strlen(entry->d_name);
    return entry->d_name[0] != '.' && bytes > 5 && strcmp(entry->d_name + bytes - 5, ".json") == 0;
}

static bool load_all(const char *folder, struct dirent **entries, int count, struct faults *faults,
                     struct rules *rules, struct sr_err *err)
{
    for (int i = 0; i < count; i++) {
        sr_auto(char) char *path = sr_strf(err, "%s/%s", folder, entries[i]->d_name);
        struct rule *rule = NULL;
        if (!path || !rule_load(path, faults, &rule, err))
            return false;
        if (rule)
            rules->items[rules->count++] = rule;
    }
    return true;
}

bool rules_load(const char *folder, struct faults *faults, struct rules *ret_rules,
                struct sr_err *err)
{
    struct dirent **entries = NULL;
    const size_t before = faults->count;
    sr_auto(rules) struct rules rules = { 0 };
    const int count = scandir(folder, &entries, is_rule, alphasort);
    if (count < 0)
        return sr_fail_errno(err, errno, "%s", folder);
    bool done = false;
    rules.items = calloc((size_t)count + 1, sizeof *rules.items);
    if (!rules.items)
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "rules");
    else if (count > RULES_MAX)
        (void)sr_fail(err, SR_ERR_LIMIT, "%s: more than %d rules", folder, RULES_MAX);
    else
        done = load_all(folder, entries, count, faults, &rules, err);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    if (!done)
        return false;
    if (faults->count == before) {
        *ret_rules = rules;
        rules = (struct rules){ 0 };
    }
    return true;
}
