# make demo   shows CIMBus at work on this machine
# make test   runs every test
# make help   lists the rest

SHELL := /bin/bash
CONFIGURATION ?= debug
BUILD_DIR ?= .build/$(CONFIGURATION)
export SWIFT ?= swift
# A release carries Swift's own libraries with it, and runs where no toolchain is. Each function has a section, by which Sources/release/link,
# where the linker's options are, lays them out (Docs/Decisions/0013-weight.md). That no two accesses overlap is noted and checked while tests
# run, in debug builds, and not by a release at each of them.
RELEASE := --configuration release --static-swift-stdlib -Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -enforce-exclusivity=unchecked
MODE := $(if $(filter release,$(CONFIGURATION)),$(RELEASE),--configuration $(CONFIGURATION))

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 24

.PHONY: dependencies
dependencies: ## install what is missing of Debian's packages (needs root, or everything to be there)
	@Samples/install-dependencies

.PHONY: build
build: dependencies ## build the broker, cimctl and the samples
	$(SWIFT) build $(MODE)
	$(SWIFT) build $(MODE) --package-path Samples
	$(if $(filter release,$(CONFIGURATION)),Sources/release/link $(BUILD_DIR))

.PHONY: release
release: dependencies ## build what a release installs: .build/release/programs
	$(SWIFT) build $(RELEASE) --product cimbusd
	$(SWIFT) build $(RELEASE) --product cimctl
	$(SWIFT) build $(RELEASE) --product cimbus-varlink
	CIMBUS_WITHOUT_SERVICE_LIFECYCLE=1 $(SWIFT) build $(RELEASE) --product cimbus-adopter
	Sources/release/link .build/release

# Written with the programs that are installed.
SHARE ?= .build/share
.PHONY: share
share: ## write the man pages and the completions of bash, zsh and fish to .build/share (after build, or CONFIGURATION=release after release)
	Tests/Scripts/make-man-pages $(dir $(CIMCTL)) $(SHARE)/man
	mkdir -p $(SHARE)/completions/bash $(SHARE)/completions/zsh $(SHARE)/completions/fish
	$(CIMCTL) completion bash > $(SHARE)/completions/bash/cimctl
	$(CIMCTL) completion zsh > $(SHARE)/completions/zsh/_cimctl
	$(CIMCTL) completion fish > $(SHARE)/completions/fish/cimctl.fish

.PHONY: demo
demo: build ## build, start a private bus, the broker and the samples; enumerate, kill a provider, see the error
	@Samples/demo $(BUILD_DIR) Samples/.build/$(CONFIGURATION)

.PHONY: check
check: ## format, import rules, interface prose, the tables of rules, statements and tests, citations and links
	find . -name .build -prune -o -name '*.swift' -print0 | xargs -0 $(SWIFT) format lint --strict
	Tests/Scripts/check-imports --self-test
	Tests/Scripts/check-imports
	Tests/Scripts/check-interfaces
	Tests/Scripts/check-test-names --self-test
	Tests/Scripts/check-test-names
	Tests/Scripts/pages --self-test
	Tests/Scripts/pages --check
	Tests/Scripts/conformance --check
	Tests/Scripts/check-waits --self-test
	Tests/Scripts/check-waits
	Tests/Scripts/mutate-core --check

# How many random schedules of the core a test run takes: some minutes of the time that the suites leave.
SCHEDULES ?= 1000000

.PHONY: test
test: dependencies check ## run every test: unit, integration, samples, system
	@echo "make test: unit and integration tests"
	$(SWIFT) build --build-tests
	$(SWIFT) build
	@$(MAKE) docs
	Tests/Scripts/check-page-code --self-test
	Tests/Scripts/check-page-code
	@echo "make test: the suites; and, in the time that they leave, every state of the core within seven events, and random schedules with faults"
	@chrt --idle 0 sh -c 'Tests/Scripts/exhaustive && Tests/Scripts/simulate $(SCHEDULES) --seed 20001' > .build/core.log 2>&1 & core=$$!; \
	Tests/Scripts/run-suites || { kill $$core; exit 1; }; \
	wait $$core || { cat .build/core.log; exit 1; }; grep -E "^(simulation|exhaustive):" .build/core.log
	@echo "make test: the torture run, a minute on each bus"
	@.build/debug/Torture run --seconds 60 --seed 20001 --bus dbus-daemon > .build/torture-dbus-daemon.log 2>&1 & daemon=$$!; \
	.build/debug/Torture run --seconds 60 --seed 20001 --bus dbus-broker > .build/torture-dbus-broker.log 2>&1 & broker=$$!; \
	wait $$daemon; first=$$?; wait $$broker; second=$$?; \
	grep -h "^torture:" .build/torture-dbus-daemon.log .build/torture-dbus-broker.log; [ $$first -eq 0 ] && [ $$second -eq 0 ]
	@echo "make test: the torture run of events, half a minute on each bus"
	@.build/debug/Torture run --events --seconds 30 --seed 20001 --bus dbus-daemon > .build/torture-dbus-daemon.log 2>&1 & daemon=$$!; \
	.build/debug/Torture run --events --seconds 30 --seed 20001 --bus dbus-broker > .build/torture-dbus-broker.log 2>&1 & broker=$$!; \
	wait $$daemon; first=$$?; wait $$broker; second=$$?; \
	grep -h "^torture:" .build/torture-dbus-daemon.log .build/torture-dbus-broker.log; [ $$first -eq 0 ] && [ $$second -eq 0 ]
	@echo "make test: six rules of the checklist, broken on purpose"
	Tests/Scripts/mutate --sample 6
	@echo "make test: the samples' tests"
	@Samples/install-dependencies few
	Tests/Scripts/run-tests --package-path Samples
	@echo "make test: what cimctl new provider writes in Swift"
	Tests/Scripts/check-new-provider
	/usr/bin/python3 Samples/python/test_mounted_file_systems.py
	/usr/bin/python3 Samples/python/test_ethernet_interfaces.py EthernetInterfacesTests
	@echo "make test: the Ansible collection, on three hosts"
	@Samples/ansible/test .build/debug; status=$$?; \
	if [ $$status -eq 77 ]; then echo "make test: the collection's tests were skipped, as said above"; \
	elif [ $$status -ne 0 ]; then exit $$status; fi
	@echo "make test: providers in other languages"
	Tests/Polyglot/run .build/debug --quick
	@echo "make test: the installed system, and the packages, under a real systemd"
	@Samples/install-dependencies packages
	@Tests/System/run .build/debug; status=$$?; \
	if [ $$status -eq 77 ]; then echo "make test: the system tests were skipped, as said above"; \
	elif [ $$status -ne 0 ]; then exit $$status; fi
	@echo "make test: all tests passed"

SECONDS ?= 60
.PHONY: torture
torture: dependencies ## kill and stop clients, providers, broker and bus at random instants (SECONDS, SEED, KILLS, BUS; EVENTS=1 of events, WRITES=N kills under writes)
	$(SWIFT) build
	.build/debug/Torture run --seconds $(SECONDS) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(BUS),--bus $(BUS)) $(if $(WRITES),--writes $(WRITES)) $(if $(EVENTS),--events)

SANITIZER ?= thread
.PHONY: sanitize
sanitize: dependencies ## run the suites with ThreadSanitizer, or SANITIZER=address (TESTS=REGEX: some of them); an hour
	Tests/Scripts/sanitize $(SANITIZER) $(if $(TESTS),'$(TESTS)')

TIMES ?= 10
.PHONY: repeat
repeat: dependencies ## run every suite TIMES times (10) beside a busy loop on one CPU, and say what failed how often (hours)
	$(SWIFT) build --build-tests
	$(SWIFT) build
	Tests/Scripts/run-suites --repeat $(TIMES)

.PHONY: polyglot
polyglot: ## run the providers in every other language that Debian has a D-Bus library for (installs them; minutes, the first time)
	@Samples/install-dependencies all
	$(SWIFT) build
	Tests/Polyglot/run .build/debug --require

.PHONY: docs
docs: dependencies ## the DocC pages of the libraries and the test kit; a link to a name that is not there is an error
	Tests/Scripts/check-docs CIMBusClient CIMBusProvider CIMBusTestKit

.PHONY: mutate
mutate: dependencies ## break each rule on purpose, one at a time, and see its own test fail (an hour)
	$(SWIFT) build
	Tests/Scripts/mutate-core
	Tests/Scripts/mutate

.PHONY: bench
bench: release ## measure what the README claims (release builds; takes minutes)
	cd Tests/Benchmarks && $(SWIFT) build $(RELEASE) && .build/release/bench

.PHONY: bench-adopted
bench-adopted: release ## measure adopted D-Bus services against C, Python and systemctl, in a system of its own (root)
	CIMBUS_SYSTEM_TEST=bench Tests/System/run .build/release/programs

.PHONY: instructions
instructions: dependencies ## count the broker's instructions for one GetObject with callgrind (release builds; needs valgrind)
	$(SWIFT) build $(RELEASE) --product cimbusd
	cd Tests/Benchmarks && $(SWIFT) build $(RELEASE) && ./instructions

.PHONY: weight
weight: release ## weigh a release: size on disk, memory of an idle broker, also with the CIM schema where CIMBUS_CIM_SCHEMA has it
	Tests/Scripts/check-weight --explain

# Policy, activation, unit and user have to lie where the bus and systemd look for them, whatever PREFIX is; they name
# $(BINDIR)/cimbusd. CIMBUSD, CIMCTL, ADOPTER, VARLINK: other programs to install in their place.
DESTDIR ?=
PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
BUSDIR ?= /usr/share/dbus-1
UNITDIR ?= /usr/lib/systemd/system
USERUNITDIR ?= /usr/lib/systemd/user
SYSUSERSDIR ?= /usr/lib/sysusers.d
POLKITDIR ?= /usr/share/polkit-1/actions
POLKITRULESDIR ?= /usr/share/polkit-1/rules.d
MANDIR ?= /usr/share/man
INSTALL ?= install
# A release's programs are one file of four names. It is installed as cimctl, which is of use without a broker.
PROGRAMS := $(BUILD_DIR)$(if $(filter release,$(CONFIGURATION)),/programs)
CIMBUSD ?= $(PROGRAMS)/cimbusd
CIMCTL ?= $(PROGRAMS)/cimctl
ADOPTER ?= $(PROGRAMS)/cimbus-adopter
VARLINK ?= $(PROGRAMS)/cimbus-varlink

.PHONY: install
install: share ## install programs, bus policy, activation, unit and user (DESTDIR, PREFIX, BUILD_DIR, CONFIGURATION=release)
	$(INSTALL) -D -m 0755 $(CIMCTL) $(DESTDIR)$(BINDIR)/cimctl
	for program in cimbusd=$(CIMBUSD) cimbus-adopter=$(ADOPTER) cimbus-varlink=$(VARLINK); do \
		name=$${program%%=*} program=$${program#*=}; \
		if [ $(CIMCTL) -ef $$program ]; then ln -sfn cimctl $(DESTDIR)$(BINDIR)/$$name; \
		else $(INSTALL) -D -m 0755 $$program $(DESTDIR)$(BINDIR)/$$name; fi; \
	done
	$(INSTALL) -d -m 0755 $(DESTDIR)$(BUSDIR)/interfaces
	$(INSTALL) -m 0644 dbus/interfaces/*.xml $(DESTDIR)$(BUSDIR)/interfaces
	$(INSTALL) -D -m 0644 dbus/system.d/org.cimbus1.conf $(DESTDIR)$(BUSDIR)/system.d/org.cimbus1.conf
	$(INSTALL) -D -m 0644 dbus/polkit-1/org.cimbus1.policy $(DESTDIR)$(POLKITDIR)/org.cimbus1.policy
	$(INSTALL) -D -m 0644 dbus/polkit-1/rules.d/50-cimbus.rules $(DESTDIR)$(POLKITRULESDIR)/50-cimbus.rules
	$(INSTALL) -D -m 0644 dbus/sysusers.d/cimbus.conf $(DESTDIR)$(SYSUSERSDIR)/cimbus.conf
	$(INSTALL) -d -m 0755 $(DESTDIR)$(BUSDIR)/system-services $(DESTDIR)$(UNITDIR)
	sed 's|/usr/bin/|$(BINDIR)/|' dbus/system-services/org.cimbus1.service \
		> $(DESTDIR)$(BUSDIR)/system-services/org.cimbus1.service
	sed 's|/usr/bin/|$(BINDIR)/|' dbus/systemd/cimbusd.service > $(DESTDIR)$(UNITDIR)/cimbusd.service
	chmod 0644 $(DESTDIR)$(BUSDIR)/system-services/org.cimbus1.service $(DESTDIR)$(UNITDIR)/cimbusd.service
	$(INSTALL) -D -m 0644 dbus/system.d/org.cimbus1.Adopter.conf $(DESTDIR)$(BUSDIR)/system.d/org.cimbus1.Adopter.conf
	sed 's|/usr/bin/cimbus|$(BINDIR)/cimbus|' dbus/system-services/org.cimbus1.Adopter.service \
		> $(DESTDIR)$(BUSDIR)/system-services/org.cimbus1.Adopter.service
	for unit in cimbus-adopter.service cimbus-adopter-reload.service cimbus-adopter.path cimbus-metrics.service cimbus-metrics.timer \
		cimbus-varlink.service cimbus-varlink.socket; do \
		sed 's|/usr/bin/cim|$(BINDIR)/cim|' dbus/systemd/$$unit > $(DESTDIR)$(UNITDIR)/$$unit; \
		chmod 0644 $(DESTDIR)$(UNITDIR)/$$unit; \
	done
	chmod 0644 $(DESTDIR)$(BUSDIR)/system-services/org.cimbus1.Adopter.service
	$(INSTALL) -d -m 0755 $(DESTDIR)$(BUSDIR)/services
	for service in org.cimbus1 org.cimbus1.Adopter; do \
		sed 's|/usr/bin/cimbus|$(BINDIR)/cimbus|' dbus/services/$$service.service > $(DESTDIR)$(BUSDIR)/services/$$service.service; \
		chmod 0644 $(DESTDIR)$(BUSDIR)/services/$$service.service; \
	done
	$(INSTALL) -d -m 0755 $(DESTDIR)$(USERUNITDIR)
	for unit in cimbusd.service cimbus-varlink.service cimbus-varlink.socket; do \
		sed 's|/usr/bin/cimbus|$(BINDIR)/cimbus|' dbus/systemd-user/$$unit > $(DESTDIR)$(USERUNITDIR)/$$unit; \
		chmod 0644 $(DESTDIR)$(USERUNITDIR)/$$unit; \
	done
	$(INSTALL) -d -m 0755 $(DESTDIR)/usr/share/cimbus/adopt $(DESTDIR)/usr/lib/cimbus/rights.d $(DESTDIR)/etc/cimbus/adopt $(DESTDIR)/etc/cimbus/rights.d $(DESTDIR)/etc/cimbus/cimbusd.conf.d
	$(INSTALL) -m 0644 dbus/adopt/*.mof $(DESTDIR)/usr/share/cimbus/adopt
	$(INSTALL) -m 0644 dbus/rights.d/*.conf $(DESTDIR)/usr/lib/cimbus/rights.d
	$(INSTALL) -D -m 0644 dbus/cimbusd.conf $(DESTDIR)/etc/cimbus/cimbusd.conf
	$(INSTALL) -d -m 0755 $(DESTDIR)/usr/share/cimbus/aliases.d $(DESTDIR)/etc/cimbus/aliases.d $(DESTDIR)/etc/cimbus/metrics.d
	$(INSTALL) -m 0644 dbus/aliases.d/*.conf $(DESTDIR)/usr/share/cimbus/aliases.d
	for section in 1 5 8; do \
		$(INSTALL) -d -m 0755 $(DESTDIR)$(MANDIR)/man$$section; \
		for page in $(SHARE)/man/man$$section/*; do $(INSTALL) -m 0644 $$page $(DESTDIR)$(MANDIR)/man$$section; done; \
	done
	$(INSTALL) -D -m 0644 $(SHARE)/completions/bash/cimctl $(DESTDIR)/usr/share/bash-completion/completions/cimctl
	$(INSTALL) -D -m 0644 $(SHARE)/completions/zsh/_cimctl $(DESTDIR)/usr/share/zsh/vendor-completions/_cimctl
	$(INSTALL) -D -m 0644 $(SHARE)/completions/fish/cimctl.fish $(DESTDIR)/usr/share/fish/vendor_completions.d/cimctl.fish
	$(INSTALL) -D -m 0644 dbus/catalog/cimbus.catalog $(DESTDIR)/usr/lib/systemd/catalog/cimbus.catalog
	@echo "install: done. Then, once: systemd-sysusers && systemctl daemon-reload && systemctl reload dbus"

EXAMPLES := $(DESTDIR)/usr/share/doc/cimbus-samples/examples
.PHONY: install-samples
install-samples: ## install a sample that runs as a service, and the sources of all of them (DESTDIR)
	$(INSTALL) -d -m 0755 $(DESTDIR)/usr/lib/cimbus/samples $(DESTDIR)/usr/lib/cimbus/rights.d $(EXAMPLES)
	cd Samples/python && $(INSTALL) -m 0755 mounted-file-systems $(DESTDIR)/usr/lib/cimbus/samples
	cd Samples/python && $(INSTALL) -m 0644 Linux_MountedFileSystem.mof event_sink.py label_store.py mount_table.py mount_watch.py mounted_file_system.py provider.py registration.py \
		service_sink.py $(DESTDIR)/usr/lib/cimbus/samples
	$(INSTALL) -D -m 0644 dbus/samples/mounted-file-systems.service $(DESTDIR)$(UNITDIR)/mounted-file-systems.service
	$(INSTALL) -D -m 0644 dbus/samples/cimbus-samples.conf $(DESTDIR)$(SYSUSERSDIR)/cimbus-samples.conf
	$(INSTALL) -m 0644 dbus/samples/20-cimbus-samples.conf $(DESTDIR)/usr/lib/cimbus/rights.d
	find Samples \( -name '.?*' -o -name __pycache__ -o -name Package.resolved \) -prune -o -type f -print0 | while IFS= read -r -d '' file; do \
		mode=0644; [ -x "$$file" ] && mode=0755; \
		$(INSTALL) -D -m $$mode "$$file" "$(EXAMPLES)/$${file#Samples/}" || exit 1; done

.PHONY: deb
deb: release ## make Debian packages: .build/deb
	@Samples/install-dependencies packages
	Sources/release/packages deb .build/release

.PHONY: tarball
tarball: release ## make an archive for other distributions: .build/tarball
	Sources/release/packages tarball .build/release
