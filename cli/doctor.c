#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>

static bool print(enum doctor_verdict verdict, const char *check, const char *text,
                  const char *remedy)
{
    static const char *const names[DOCTOR_VERDICTS] = { "ok", "WARN", "FAIL" };
    return printf("%-5s%-15s%s\n", names[verdict], check, text) >= 0 &&
           (!remedy || printf("%-20s-> %s\n", "", remedy) >= 0) && fflush(stdout) == 0;
}

bool doctor_add(struct doctor *doctor, enum doctor_verdict verdict, const char *check,
                const char *remedy, struct sr_err *err, const char *format, ...)
{
    static const char *const names[DOCTOR_VERDICTS] = { "ok", "warn", "fail" };
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);  // a cut one is good enough
    va_end(args);
    json_t *const finding = json_pack("{s:s,s:s,s:o}", "check", check, "verdict", names[verdict],
                                      "found", jx_string(text));
    if (!jx_append(doctor->findings, finding, err) ||
        (remedy && !jx_put(finding, "remedy", json_string(remedy), err)))
        return false;
    doctor->counts[verdict]++;
    return doctor->json || print(verdict, check, text, remedy) ||
           sr_fail(err, SR_ERR_STORAGE, "standard output");
}
