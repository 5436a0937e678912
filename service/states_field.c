// A request against the table of its members, with AWS's texts.
#include <inttypes.h>
#include <string.h>

#include "service/states_priv.h"

enum { VALUE_BYTES_MAX = 4096, PATH_BYTES_MAX = 160 };  // shown in a refusal

struct checker {
    struct states_call *call;
    struct sr_str text;  // the constraints that are not met
    size_t count;
    struct sr_err err;
    bool failed;  // out of memory
};

static void say(struct checker *checker, const char *format, ...) SR_PRINTF(2, 3);
static void say(struct checker *checker, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    checker->failed = !sr_str_vaddf(&checker->text, &checker->err, format, args) || checker->failed;
    va_end(args);
}

// As Java prints it.
static void say_value(struct checker *checker, const json_t *value,
                      const struct states_field *field)
{
    const struct states_field *below;
    size_t i;
    json_t *member;
    switch (json_typeof(value)) {
    case JSON_STRING: say(checker, "%.*s", VALUE_BYTES_MAX, json_string_value(value)); break;
    case JSON_INTEGER: say(checker, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: say(checker, "%.17g", json_real_value(value)); break;
    case JSON_TRUE: say(checker, "true"); break;
    case JSON_FALSE: say(checker, "false"); break;
    case JSON_NULL: say(checker, "null"); break;
    case JSON_ARRAY:
        say(checker, "[");
        json_array_foreach(value, i, member)
        {
            say(checker, "%s", i ? ", " : "");
            say_value(checker, member, field);
        }
        say(checker, "]");
        break;
    case JSON_OBJECT:
        say(checker, "%s(", field->shape ? field->shape : "");
        for (below = field->members; below && below->name; below++) {
            member = json_object_get(value, below->name);
            say(checker, "%s%s=", below == field->members ? "" : ", ", below->name);
            if (member)
                say_value(checker, member, below);
            else
                say(checker, "null");
        }
        say(checker, ")");
        break;
    }
}

static void fault(struct checker *checker, const struct states_field *field, const json_t *value,
                  const char *path, const char *format, ...) SR_PRINTF(5, 6);
static void fault(struct checker *checker, const struct states_field *field, const json_t *value,
                  const char *path, const char *format, ...)
{
    char constraint[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(constraint, sizeof constraint, format, args);  // cut when it is long
    va_end(args);
    say(checker, "%sValue", checker->count++ ? "; " : "");
    if (!value) {
        say(checker, " null");
    } else if (!field->secret) {
        say(checker, " '");
        say_value(checker, value, field);
        say(checker, "'");
    }
    say(checker, " at '%s' failed to satisfy constraint: %s", path, constraint);
}

// Spec: AWS JSON 1.0: a member of another type cannot be read at all.
static bool type_fits(struct checker *checker, const struct states_field *field,
                      const json_t *value)
{
    static const char *const wants[] = { "a String", "an Integer", "a Boolean", "a Float" };
    static const char *const has[] = { "START_OBJECT", "START_ARRAY",   "STRING_VALUE",
                                       "NUMBER_VALUE", "DECIMAL_VALUE", "TRUE_VALUE",
                                       "FALSE_VALUE",  "NULL_VALUE" };
    const json_type type = json_typeof(value);
    bool fits = false;
    switch (field->type) {
    case STATES_TEXT: fits = type == JSON_STRING; break;
    case STATES_INT: fits = type == JSON_INTEGER; break;
    case STATES_BOOL: fits = json_is_boolean(value); break;
    case STATES_REAL: fits = json_is_number(value); break;
    case STATES_LIST: fits = type == JSON_ARRAY; break;
    case STATES_STRUCT: fits = type == JSON_OBJECT; break;
    }
    if (fits)
        return true;
    if (field->type <= STATES_REAL)
        return states_refuse(checker->call, "SerializationException",
                             "%s can not be converted to %s", has[type], wants[field->type]);
    return states_refuse(checker->call, "SerializationException",
                         field->type == STATES_LIST
                             ? "Expected list or null"
                             : "Start of structure or map expected where not found.");
}

static size_t characters(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void check_words(struct checker *checker, const struct states_field *field,
                        const json_t *value, const char *path)
{
    char words[192] = "";
    size_t used = 0;
    for (const char *const *word = field->words; *word; word++) {
        if (strcmp(*word, json_string_value(value)) == 0)
            return;
        const int wrote =
            snprintf(words + used, sizeof words - used, "%s%s", used ? ", " : "", *word);
        used += wrote > 0 && (size_t)wrote < sizeof words - used ? (size_t)wrote : 0;
    }
    fault(checker, field, value, path, "Member must satisfy enum value set: [%s]", words);
}

static void check_text(struct checker *checker, const struct states_field *field,
                       const json_t *value, const char *path)
{
    const char *text = json_string_value(value);
    const size_t bytes = json_string_length(value);
    const int64_t count = (int64_t)characters(text, bytes);
    if (count < field->min)
        fault(checker, field, value, path,
              "Member must have length greater than or equal to %" PRId64, field->min);
    else if (field->max && count > field->max)
        fault(checker, field, value, path, "Member must have length less than or equal to %" PRId64,
              field->max);
    else if (field->words)
        check_words(checker, field, value, path);
    else if ((!field->any && strlen(text) != bytes) || (field->matches && !field->matches(text)))
        fault(checker, field, value, path, "Member must satisfy regular expression pattern: %s",
              field->pattern ? field->pattern : "[^\\u0000]*");
}

static bool check_fields(struct checker *checker, const struct states_field *fields,
                         const json_t *object, const char *prefix);

static bool check_member(struct checker *checker, const struct states_field *list,
                         const json_t *member, const char *path)
{
    static const struct states_field text = { .name = "member", .type = STATES_TEXT },
                                     structure = { .name = "member", .type = STATES_STRUCT };
    char prefix[PATH_BYTES_MAX];
    if (!type_fits(checker, list->members ? &structure : &text, member))
        return false;
    if (!list->members) {
        check_text(checker, &text, member, path);
        return true;
    }
    return !sr_format(prefix, sizeof prefix, "%s.", path) ||
           check_fields(checker, list->members, member, prefix);
}

static bool check_list(struct checker *checker, const struct states_field *field,
                       const json_t *value, const char *path)
{
    enum { MEMBERS_MAX = 1000 };
    const int64_t count = (int64_t)json_array_size(value);
    const int64_t max = field->max ? field->max : MEMBERS_MAX;
    if (count < field->min)
        fault(checker, field, value, path,
              "Member must have length greater than or equal to %" PRId64, field->min);
    else if (count > max)
        fault(checker, field, value, path, "Member must have length less than or equal to %" PRId64,
              max);
    size_t i;
    json_t *member;
    json_array_foreach(value, i, member)
    {
        char below[PATH_BYTES_MAX];
        if ((int64_t)i >= max)
            break;
        if (sr_format(below, sizeof below, "%s.%zu.member", path, i + 1) &&
            !check_member(checker, field, member, below))
            return false;
    }
    return true;
}

static bool check_value(struct checker *checker, const struct states_field *field,
                        const json_t *value, const char *path)
{
    char prefix[PATH_BYTES_MAX];
    switch (field->type) {
    case STATES_TEXT: check_text(checker, field, value, path); return true;
    case STATES_INT:
        if (json_integer_value(value) < field->min)
            fault(checker, field, value, path,
                  "Member must have value greater than or equal to %" PRId64, field->min);
        else if (field->max && json_integer_value(value) > field->max)
            fault(checker, field, value, path,
                  "Member must have value less than or equal to %" PRId64, field->max);
        return true;
    case STATES_BOOL: return true;
    case STATES_REAL:
        if (json_number_value(value) < (double)field->min)
            fault(checker, field, value, path,
                  "Member must have value greater than or equal to %" PRId64, field->min);
        else if (field->max && json_number_value(value) > (double)field->max)
            fault(checker, field, value, path,
                  "Member must have value less than or equal to %" PRId64, field->max);
        return true;
    case STATES_LIST: return check_list(checker, field, value, path);
    case STATES_STRUCT:
        return !field->members || !sr_format(prefix, sizeof prefix, "%s.", path) ||
               check_fields(checker, field->members, value, prefix);
    }
    return true;
}

// False: it cannot be read. Faults are collected.
static bool check_fields(struct checker *checker, const struct states_field *fields,
                         const json_t *object, const char *prefix)
{
    for (const struct states_field *field = fields; field->name; field++) {
        char path[PATH_BYTES_MAX];
        const json_t *value = json_object_get(object, field->name);
        const bool fits = sr_format(path, sizeof path, "%s%s", prefix, field->name);
        if (!fits)
            continue;  // no table is that deep
        if (!value || json_is_null(value)) {
            if (field->required)
                fault(checker, field, NULL, path, "Member must not be null");
            continue;
        }
        if (!type_fits(checker, field, value) || !check_value(checker, field, value, path))
            return false;
    }
    return true;
}

bool states_check(struct states_call *call)
{
    struct checker checker = { .call = call };
    bool good = !call->op->fields || check_fields(&checker, call->op->fields, call->request, "");
    if (good && checker.failed)
        good = states_refuse_err(call, &checker.err);
    if (good && checker.count)
        good =
            states_refuse(call, "ValidationException", "%zu validation error%s detected: %s",
                          checker.count, checker.count > 1 ? "s" : "", sr_str_text(&checker.text));
    sr_str_done(&checker.text);
    return good;
}

// --- getters ---

static const json_t *member(const struct states_call *call, const char *name)
{
    const json_t *value = json_object_get(call->request, name);
    return json_is_null(value) ? NULL : value;
}

const char *states_text(const struct states_call *call, const char *name)
{
    return json_string_value(member(call, name));
}

size_t states_text_bytes(const struct states_call *call, const char *name)
{
    return json_string_length(member(call, name));
}

int64_t states_int(const struct states_call *call, const char *name, int64_t absent)
{
    const json_t *value = member(call, name);
    return json_is_integer(value) ? json_integer_value(value) : absent;
}

bool states_bool(const struct states_call *call, const char *name)
{
    return json_is_true(member(call, name));
}

const char *states_arn(struct states_call *call, const char *name, unsigned kinds,
                       struct states_arn *ret_arn)
{
    struct states_arn arn;
    const char *text = states_text(call, name);
    enum states_arn_result result = states_arn_parse(text, &arn);
    if (result == STATES_ARN_OK && !(kinds & arn.kind))
        result = STATES_ARN_BAD_TYPE;
    if (result == STATES_ARN_NO_PREFIX)
        (void)states_refuse(call, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", text);
    else if (result == STATES_ARN_BAD_TYPE)
        (void)states_refuse(call, "InvalidArn",
                            "Invalid Arn: 'Resource type not valid in this context: %.*s'",
                            (int)arn.type_bytes, arn.type);
    if (result != STATES_ARN_OK)
        return NULL;
    states_audit(call, text);
    if (ret_arn)
        *ret_arn = arn;
    return text;
}

bool states_name_check(struct states_call *call, const char *name)
{
    const char *text = states_text(call, name);
    const size_t bytes = states_text_bytes(call, name);
    return states_name_ok(text, bytes) ||
           states_refuse_text(call, "InvalidName", "Invalid Name: '", text, bytes, "'");
}
