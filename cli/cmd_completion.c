// `splitreel completion`: a script with which a shell completes words. It asks the program's help
// texts what there is, so it is true for whatever program it finds.
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "cli/cli.h"
#include "cli/options.h"

SR_EMBED(completion_offer, "cli/completion/offer.awk");
SR_EMBED(completion_bash, "cli/completion/splitreel.bash");
SR_EMBED(completion_zsh, "cli/completion/splitreel.zsh");
SR_EMBED(completion_fish, "cli/completion/splitreel.fish");

enum { ID_HELP };

static const struct option_row rows[] = {
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

// A function that tells what follows, then the shell's own part.
static const struct shell {
    const char *name, *before, *after, *own;
} shells[] = {
    { "bash", "_splitreel_offer()\n{\n    \"$@\" --help 2>/dev/null | awk '\n", "'\n}\n",
      completion_bash },
    { "zsh", "#compdef splitreel\n_splitreel_offer()\n{\n    \"$@\" --help 2>/dev/null | awk '\n",
      "'\n}\n", completion_zsh },
    { "fish", "function _splitreel_offer\n    $argv --help 2>/dev/null | awk '\n", "'\nend\n",
      completion_fish },
};
enum { SHELL_COUNT = sizeof shells / sizeof *shells };

static void help(void)
{
    (void)printf("splitreel completion SHELL - a script that completes words of the command "
                 "line\n\n"
                 "  source <(splitreel completion bash)     in ~/.bashrc\n"
                 "  source <(splitreel completion zsh)      in ~/.zshrc, after compinit\n"
                 "  splitreel completion fish | source      in ~/.config/fish/config.fish\n\n"
                 "  bash      for bash 4 and later\n"
                 "  zsh       for zsh 5\n"
                 "  fish      for fish 3\n\n");
    options_print(rows, stdout);
    (void)printf("\nExit status: 0, 2 wrong usage.\n");
}

struct request {
    const char *shell;  // NULL: none
    bool help;
};

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    if (id != OPTIONS_ID_OPERAND) {
        request->help = true;
        return true;
    }
    if (request->shell)
        return sr_fail(err, SR_ERR_INVALID, "\"%.40s\" is one too many", value);
    request->shell = value;
    return true;
}

static bool print(const char *name, struct sr_err *err)
{
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        const struct shell *const shell = &shells[i];
        if (name && strcmp(name, shell->name) == 0)
            return (printf("%s%s%s%s", shell->before, completion_offer, shell->after, shell->own) >
                        0 &&
                    fflush(stdout) == 0) ||
                   sr_fail(err, SR_ERR_STORAGE, "standard output");
    }
    return sr_fail(err, SR_ERR_INVALID, "want bash, zsh or fish");
}

int cmd_completion(const struct cli *cli)
{
    struct sr_err err = { 0 };
    struct request request = { 0 };
    if (!options_each(cli->argc, cli->argv, rows, take, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        help();
        return 0;
    }
    return print(request.shell, &err) ? 0 : cli_fail(cli, &err);
}
