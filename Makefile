# splitreel - build, tests, checks. `make help` lists the targets.
#
# Each folder is one static archive; a test is linked with its own folder's archive and those below
# it (see layout in ARCHITECTURE.md), so that code which reaches sideways or up does not link.
# Everything is built out of tree, one tree per variant: build/ (release, asserts stay on),
# build/asan, build/tsan, build/fuzz.

VARIANT ?= release
CC = gcc
AR = ar
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
DESTDIR ?=
TEST_JOBS ?= 2
export TEST_JOBS

# `make V=1` shows whole commands.
Q := $(if $(V),,@)
SAY = $(if $(V),:,printf '%-4s %s\n')

# From top to bottom: the order in which the linker wants them.
FOLDERS := cli service pipeline statemachine storage transcode net base

# What each folder stands on.
BELOW_base         := base
BELOW_net          := net base
BELOW_statemachine := statemachine base
BELOW_transcode    := transcode base
BELOW_storage      := storage net base
BELOW_pipeline     := pipeline statemachine storage transcode net base
BELOW_service      := service $(BELOW_pipeline)
BELOW_cli          := cli $(BELOW_service)
BELOW_tests        := tests $(BELOW_cli)

# Third parties: each has one floor.
PKGS_base      := jansson sqlite3 libcrypto
PKGS_net       := libcurl
PKGS_service   := libmicrohttpd
PKGS_transcode := libavformat libavcodec libavfilter libavutil libswscale libswresample
PKGS_all       := $(PKGS_transcode) $(PKGS_service) $(PKGS_net) $(PKGS_base)
PKGS_tests     := $(PKGS_all)

comma := ,

# Compiler flags -------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
    -Wformat=2
IS_CLANG := $(findstring clang,$(CC))
CLANG_WARNINGS := -Wthread-safety
WARNINGS += $(if $(or $(IS_CLANG),$(filter fuzz,$(VARIANT))),$(CLANG_WARNINGS))

UBSAN := -fsanitize=undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(VARIANT),release)
    B := build
    VARIANT_FLAGS := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
else ifeq ($(VARIANT),asan)
    B := build/asan
    VARIANT_FLAGS := -O1 -g -Werror -fsanitize=address $(UBSAN)
else ifeq ($(VARIANT),tsan)
    B := build/tsan
    VARIANT_FLAGS := -O1 -g -Werror -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(VARIANT),fuzz)
    B := build/fuzz
    override CC := clang
    VARIANT_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address $(UBSAN)
else
    $(error VARIANT is release, asan, tsan or fuzz)
endif

CFLAGS ?=
LDFLAGS ?=
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -pthread $(WARNINGS) $(VARIANT_FLAGS) $(CFLAGS)
ALL_LDFLAGS := -pthread $(VARIANT_FLAGS) $(LDFLAGS)

# $(call headers_of,PKGS) and $(call libs_of,PKGS): flags; foreign headers never warn.
headers_of = $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(1)))
libs_of = $(shell $(PKG_CONFIG) --libs $(1))

$(foreach f,$(FOLDERS),$(eval HEADERS_$(f) := $(call headers_of,$(PKGS_base) $(PKGS_$(f)))))
HEADERS_tests := $(call headers_of,$(PKGS_all))
LIBS_all := $(call libs_of,$(PKGS_all)) -lm
LIBS_light := $(call libs_of,$(filter-out $(PKGS_transcode),$(PKGS_all))) -lm
# $(call libs_for,FOLDER): what the archives at and below a folder need.
libs_for = $(call libs_of,$(foreach f,$(BELOW_$(1)),$(PKGS_$(f)))) -lm

# Sources and what is made of them -------------------------------------------------------------
sources_of = $(filter-out %_test.c cli/main.c,$(sort $(wildcard $(1)/*.c)))
objects_of = $(patsubst %.c,$(B)/%.o,$(call sources_of,$(1)))
archives_of = $(foreach f,$(1),$(B)/lib$(f).a)
tests_of = $(patsubst %.c,$(B)/%,$(sort $(wildcard $(1)/*_test.c)))

UNITS := $(FOLDERS) tests
SOURCES := $(foreach f,$(UNITS),$(sort $(wildcard $(f)/*.c))) $(sort $(wildcard tests/*/*.c))
ARCHIVES := $(call archives_of,$(FOLDERS))
TESTS := $(foreach f,base net statemachine storage transcode pipeline service cli tests,$(call tests_of,$(f)))
TSAN_TESTS := $(foreach f,base net storage pipeline,$(call tests_of,$(f))) $(B)/tests/threads_test \
    $(B)/service/server_test $(B)/service/server_stream_test $(B)/service/job_follow_test $(B)/service/aws_json_test $(B)/service/audit_test \
    $(B)/statemachine/engine_thread_test $(B)/service/states_thread_test $(B)/service/resources_test \
    $(B)/service/resource_lambda_test $(B)/service/resource_http_test $(B)/service/resource_map_test \
    $(B)/tests/service_crash_test $(B)/tests/service_faults_test $(B)/service/uploads_thread_test \
    $(B)/service/jobs_thread_test $(B)/cli/ticker_test
SWEEP := $(B)/tests/faults/sweep
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAYS := $(patsubst %_fuzz.c,$(B)/%_replay,$(wildcard tests/fuzz/*_fuzz.c))
BINARY := $(if $(wildcard cli/main.c),$(B)/splitreel)
SCENARIOS := $(sort $(wildcard tests/*_test.sh))

# No rule but those that are written here: make knows one that links X from X.o.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
MINUTES ?= 30
.PHONY: all binary help test check soak corpus faults tsan fuzz fuzz-run lint tidy format install man fixtures bench clean docs FORCE \
    build-races chaos crash run-crash run-tests run-check check-servers run-check-servers run-faults run-tsan build-fuzz conformance sim bench-engine bench-service \
    hostile mutants run-mutants

all: $(ARCHIVES) $(BINARY) compile_commands.json

binary: $(BINARY)

help:
	@echo 'make            build/splitreel and one archive per folder'
	@echo 'make test       unit tests under ASan and UBSan'
	@echo 'make check      the unit tests, layers, headers and the scenarios in tests/'
	@echo 'make check-servers  the tests of stores over every S3 server, with OpenStack Swift'
	@echo 'make faults     one whole job again and again, each time with another call failing'
	@echo 'make tsan       the tests with threads under TSan'
	@echo 'make fuzz       the fuzzers in tests/fuzz (clang), into build/fuzz'
	@echo 'make fuzz-run   each of them for SECONDS=$(SECONDS)'
	@echo 'make conformance CASES=DIR  recorded cases, one line per file; V=1 names the failures'
	@echo 'make sim        random flows: SEED=, TRANSITIONS='
	@echo 'make lint       formatting, static checks, layers, headers with both compilers'
	@echo 'make format     rewrite the sources as .clang-format says'
	@echo 'make fixtures   media for the tests, into build/fixtures'
	@echo 'make crash      SEED= ROUNDS=1000: engine and service killed at every commit and at random moments'
	@echo 'make chaos      SEED= MINUTES=30: jobs whose workers, service and store are killed every second or two'
	@echo 'make soak       SEED= MINUTES=30: random jobs, killed at random moments, compared'
	@echo 'make corpus     MEDIA=DIR: the files of a folder as its expected.tsv says'
	@echo 'make hostile    HOSTILE=DIR: the files of a folder as jobs of a service, each failing alone'
	@echo 'make mutants    SEED= MINUTES=30: films with broken heads, in a worker'"'"'s process'
	@echo 'make bench      the benchmarks'
	@echo 'make docs       the help texts in docs/commands, as the program has them now'
	@echo 'make man        the man pages, into build/man'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX)'

# A file whose content is $(2), touched only when that changes: what depends on it is then rebuilt.
define remember
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(2)' | cmp -s - $$@ || printf '%s\n' '$(2)' > $$@
endef

$(eval $(call remember,$(B)/flags,$(CC) $(ALL_CFLAGS)))

# $(eval $(call folder_rules,FOLDER)): its objects, archive and tests. Objects also depend on the
# data files (SQL, JSON, ...) in subfolders, which base/embed.h builds in.
define folder_rules
$(B)/$(1)/%.o: $(1)/%.c $(B)/flags $(filter-out %.c %.h,$(wildcard $(1)/*/*.*))
	@mkdir -p $$(@D)
	@$$(SAY) CC $$@
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(HEADERS_$(1)) -MMD -MP -c -o $$@ $$<

$(call remember,$(B)/$(1)/objects,$(call objects_of,$(1)))

$(B)/lib$(1).a: $(call objects_of,$(1)) $(B)/$(1)/objects
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $(call objects_of,$(1))

$(B)/$(1)/%_test: $(B)/$(1)/%_test.o $(call archives_of,$(BELOW_$(1)))
	@$$(SAY) LINK $$@
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ -lcmocka $$(call libs_for,$(1))
endef
$(foreach f,$(UNITS),$(eval $(call folder_rules,$(f))))

# Twice: with libav, then without, its names left open until they are called: docs/dependencies.md
# says why. EAGER=1 stops after the first.
$(B)/splitreel: $(B)/cli/main.o $(ARCHIVES)
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_all)
ifndef EAGER
	$(Q){ echo '{'; nm -D --undefined-only $@ | sed -n 's/.* U \(.*\)@LIB[AS][VW].*/\1;/p'; echo '};'; } > $@.open
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,-z,lazy -Wl,--unresolved-symbols=ignore-all -Wl,--dynamic-list=$@.open \
	    -o $@ $^ $(LIBS_light)
endif

$(B)/tests/fuzz/%.o: tests/fuzz/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) $(HEADERS_tests) -MMD -MP -c -o $@ $<

$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(ARCHIVES)
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_all)

$(B)/tests/fuzz/%_replay: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/replay.o $(ARCHIVES)
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_all)

# The failure sweep: calls that can fail go to the wrappers of tests/faults/wraps.c, which names them.
SWEEP_WRAPS = $(addprefix -Wl$(comma)--wrap=,$(shell tests/faults/wrapped.sh))
SWEEP_OBJECTS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/faults/*.c)))
$(B)/tests/faults/sweep: $(SWEEP_OBJECTS) $(call archives_of,$(BELOW_tests))
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) $(SWEEP_WRAPS) -o $@ $^ $(LIBS_all)

# The film that it transcodes.
$(B)/tests/faults/tiny.mp4:
	@mkdir -p $(@D)
	$(Q)ffmpeg -nostdin -loglevel error -y -f lavfi -i testsrc2=s=64x64:r=25:d=2 \
	    -f lavfi -i sine=f=440:r=48000:d=2 -c:v libx264 -preset veryfast -crf 40 -g 20 \
	    -x264-params open-gop=1:bframes=2:scenecut=0 -c:a aac -b:a 32k -fflags +bitexact -threads 1 $@

-include $(wildcard $(B)/*/*.d $(B)/tests/*/*.d)

# Tests ----------------------------------------------------------------------------------------
export ASAN_OPTIONS ?= detect_leaks=1:detect_stack_use_after_return=1:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:allocator_may_return_null=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/tools/lsan.supp:print_suppressions=0
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1

test:
	@$(MAKE) --no-print-directory VARIANT=asan run-tests

run-tests: $(TESTS) fixtures
	@tools/run-tests $(TESTS)

# The engine's threads run under TSan, too (tests/races_test.sh); `make tsan` looks at all others.
check:
	@$(MAKE) --no-print-directory VARIANT=tsan build-races
	@$(MAKE) --no-print-directory VARIANT=asan run-check

build-races: $(B)/statemachine/engine_thread_test

HEADER_CHECK = CC="$(1)" FLAGS="-std=gnu17 -D_GNU_SOURCE -I. $(WARNINGS) $(HEADERS_tests)" tools/check-headers.sh

run-check: $(TESTS) $(BINARY) $(SWEEP) $(B)/tests/faults/tiny.mp4 $(REPLAYS) fixtures
	@mkdir -p $(B); $(call HEADER_CHECK,$(CC)) > $(B)/headers.tap; tools/check-layers.sh > $(B)/layers.tap; \
	tests/faults/check-calls.sh $(B) > $(B)/calls.tap; \
	SPLITREEL=$(abspath $(BINARY)) tools/run-tests $(TESTS) $(REPLAYS) $(SWEEP) $(SCENARIOS) \
	    $(B)/headers.tap $(B)/layers.tap $(B)/calls.tap

# With the servers that take long to start.
check-servers:
	@$(MAKE) --no-print-directory VARIANT=asan run-check-servers

run-check-servers: $(B)/tests/storage_servers_test $(BINARY)
	@SPLITREEL_ALL_SERVERS=1 SPLITREEL=$(abspath $(BINARY)) TEST_SECONDS_MAX=3600 \
	    tools/run-tests $(B)/tests/storage_servers_test tests/storage_cli_test.sh

# Every call instead of a sample: takes long.
faults:
	@$(MAKE) --no-print-directory VARIANT=asan run-faults

run-faults: $(SWEEP) $(B)/tests/faults/tiny.mp4
	@TEST_SECONDS_MAX=100000 $(SWEEP) --all --processes $(TEST_JOBS) > $(B)/faults.out; status=$$?; \
	grep '^not ok' $(B)/faults.out; \
	awk '/^ok/ { n++ } /^not ok/ { m++ } END { print n + 0, "passed,", m + 0, "failed" }' \
	    $(B)/faults.out; exit $$status

tsan:
	@$(MAKE) --no-print-directory VARIANT=tsan run-tsan

# TSan of gcc 12 cannot place its shadow under strong address randomisation.
run-tsan: $(TSAN_TESTS) fixtures
	@setarch -R tools/run-tests $(TSAN_TESTS)

fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz build-fuzz

build-fuzz: $(FUZZERS)

# Each fuzzer for SECONDS. What it keeps is in build/fuzz/corpus, what it finds in build/fuzz/findings.
SECONDS ?= 60
fuzz-run: fuzz
	@for fuzzer in $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c)); do \
	    tests/fuzz/run.sh $$fuzzer $(SECONDS) || exit; \
	done

# Recorded cases: make conformance CASES=DIR, with V=1 the names of those that fail.
conformance: $(B)/tests/conformance
	@$< $(if $(V),-v) $(CASES)

# Random flows, through the fold alone and through the engine and its store:
#   make sim SEED=7 TRANSITIONS=1000000
SEED ?= 1
TRANSITIONS ?= 1000000
sim: $(B)/tests/asl_sim_test $(B)/tests/engine_sim_test
	@for simulation in $^; do \
	    SIM_SEED=$(SEED) SIM_TRANSITIONS=$(TRANSITIONS) $$simulation || exit; \
	done

$(B)/tests/conformance: $(B)/tests/conformance.o $(call archives_of,$(BELOW_tests))
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_all)

# Static checks --------------------------------------------------------------------------------
C_FILES = $(shell git ls-files -- '*.c' '*.h')

lint: compile_commands.json
	@clang-format --dry-run -Werror $(C_FILES)
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j $(TEST_JOBS) \
	    --enable=warning,portability,performance --suppressions-list=tools/cppcheck.supp \
	    -I. -D__GNUC__=12 -D_GNU_SOURCE $(filter %.c,$(C_FILES))
	tools/check-layers.sh
	@$(call HEADER_CHECK,gcc)
	@$(call HEADER_CHECK,clang)

tidy: compile_commands.json
	clang-tidy --quiet -p . $(filter %.c,$(C_FILES))

format:
	clang-format -i $(C_FILES)

# For editors and clang-tidy: the commands this file would run.
define compile_command
{"directory": "$(CURDIR)", "file": "$(1)",
  "command": "$(CC) $(subst ",\",$(ALL_CFLAGS)) $(HEADERS_$(firstword $(subst /, ,$(1)))) -c $(1)"}
endef
compile_commands.json: Makefile $(B)/flags $(foreach f,$(UNITS),$(B)/$(f)/objects)
	$(file >$@,[)
	$(foreach s,$(SOURCES),$(file >>$@,$(call compile_command,$(s))$(if $(filter-out \
	    $(lastword $(SOURCES)),$(s)),$(comma))))
	$(file >>$@,])
	@:

# The rest -------------------------------------------------------------------------------------
# Pages and completion are made from the help texts of the program itself.
$(B)/man/splitreel.1: $(B)/splitreel tools/make-man.sh docs/manifest.md docs/cli.md cli/completion/offer.awk
	@$(SAY) MAN $(@D)
	$(Q)tools/make-man.sh $< $(@D)

man: $(B)/man/splitreel.1

# The help texts that stand in the pages of the verbs; tests/docs_test.sh compares them.
docs: $(B)/splitreel
	$(Q)tools/docs-help.sh $< docs/commands

SHARE = $(DESTDIR)$(PREFIX)/share
install: binary man
	install -D -m 755 $(B)/splitreel $(DESTDIR)$(PREFIX)/bin/splitreel
	@for page in $(B)/man/*.[15]; do \
	    install -D -m 644 $$page $(SHARE)/man/man$${page##*.}/$$(basename $$page) || exit; done
	@for doc in LICENSE README.md $(wildcard docs/*.md docs/commands/*.md etc/*.json); do \
	    install -D -m 644 $$doc $(SHARE)/doc/splitreel/$$doc || exit; done
	@install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	@$(B)/splitreel completion bash > $(SHARE)/bash-completion/completions/splitreel
	@$(B)/splitreel completion zsh > $(SHARE)/zsh/site-functions/_splitreel
	@$(B)/splitreel completion fish > $(SHARE)/fish/vendor_completions.d/splitreel.fish

# Makes what is missing or has a new recipe.
fixtures:
	@media-fixtures/make-fixtures.sh --jobs $(TEST_JOBS) build/fixtures

soak: binary fixtures
	@SPLITREEL=$(abspath $(BINARY)) SEED=$(SEED) MINUTES=$(MINUTES) tests/soak.sh

# Engine and service, killed at every commit and at random moments; make check does a part of it.
ROUNDS ?= 1000
crash:
	@$(MAKE) --no-print-directory VARIANT=asan run-crash

run-crash: $(B)/tests/engine_crash_test $(B)/tests/service_crash_test
	@for crash in $^; do \
	    CRASH_STRIDE=1 CRASH_SEED=$(SEED) CRASH_ROUNDS=$(ROUNDS) $$crash || exit; \
	done

# Jobs with a service, workers and a gateway that die all the time; make check does a short one.
chaos: $(B)/tests/chaos_test $(BINARY) fixtures
	@SPLITREEL=$(abspath $(BINARY)) CHAOS_SEED=$(SEED) CHAOS_MINUTES=$(MINUTES) $<

corpus: binary
	@SPLITREEL=$(abspath $(BINARY)) tests/corpus.sh '$(MEDIA)'

# make check sends those that tests/hostile-files.sh makes.
hostile: binary fixtures
	@if [ -n '$(HOSTILE)' ]; then SPLITREEL=$(abspath $(BINARY)) HOSTILE='$(HOSTILE)' tests/hostile_test.sh; \
	else echo 'skipped: name a folder: make hostile HOSTILE=DIR'; fi

mutants: fixtures
	@$(MAKE) --no-print-directory VARIANT=asan run-mutants

run-mutants: $(B)/tests/mutants_test
	@mkdir -p $(B)/mutants; MUTANTS_SEED=$(SEED) MUTANTS_MINUTES=$(MINUTES) MUTANTS_KEEP=$(B)/mutants $<

bench: all $(B)/bench/engine $(B)/bench/service_load
	@if [ -x bench/run.sh ]; then bench/run.sh; else echo 'bench/run.sh is not there'; fi

# The engine alone, on disk, and a peer in memory.
bench-engine: $(B)/bench/engine
	@bench/engine.sh

$(B)/bench/%.o: bench/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) $(HEADERS_tests) -MMD -MP -c -o $@ $<

$(B)/bench/engine: $(B)/bench/engine.o $(call archives_of,$(BELOW_statemachine))
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs_for,statemachine)

# The service from outside, over HTTP.
bench-service: $(BINARY) $(B)/bench/service_load
	@bench/service.sh

$(B)/bench/service_load: $(B)/bench/service_load.o $(call archives_of,$(BELOW_service))
	@$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs_for,service)

clean:
	rm -rf build compile_commands.json
