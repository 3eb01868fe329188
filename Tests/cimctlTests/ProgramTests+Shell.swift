import DBus
import Glibc
import Testing
import WireTestKit

/// The shell, completion, the doctor and the pages of the manual, as a user meets them.
extension ProgramTests {
    /// Runs a script of bash with this build's programs on its path.
    private func bash(_ script: String, on bus: PrivateBus, environment: [String: String] = [:]) async throws -> Run {
        let program = BuildFolder.path(of: "cimctl")
        let beside = String(program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex))
        var variables = [
            "CIMBUS_BUS": bus.address, "CIMBUS_ALIASES": folder.path("none"), "XDG_STATE_HOME": folder.path("state"),
            "HERE": folder.path(""),
            "PATH": "\(beside):/usr/bin:/bin", "LC_ALL": "C.UTF-8",
        ]
        variables.merge(environment) { $1 }
        let (text, end) = try await ChildProcess.output(
            "/bin/bash", ["-c", "{ \(script)\n} 2>'\(folder.path("stderr"))'"], environment: variables)
        return Run(output: text, errors: (try? folder.read("stderr")) ?? "", end: end)
    }

    @Test("shell without a terminal: queries over lines, commands, \\x, \\timing, mistakes; the exit status is the last command's")
    func shellOfLines() async throws {
        let (bus, broker) = try await lamps()
        try folder.write(
            "input",
            #"""
            # a comment
            SELECT Name FROM Site_Lamp
              WHERE State = 1;
            enumerate Site_Lamp -o csv
            \x
            get Site_Lamp.Name="hall"
            \timing
            instance count Site_Lamp
            \o csv
            cimctl get 'Site_Lamp.Name="desk"'
            enumerat Site_Lamp
            \n root
            get Site_Lamp.Name="none" -n root/cimv2
            """#)
        let run = try await bash("cimctl shell < \"$HERE/input\"", on: bus)
        #expect(run.end == .exited(2), "\(run.errors)")
        #expect(
            run.output
                == "Name\n----\ndesk\nName,State\ndesk,1\nhall,0\nName  : hall\nState : Dark\nClass : Site_Lamp\nCount : 2\nName,State\ndesk,1\n",
            "\(run.output)")
        #expect(run.errors.contains("Output is list.\nTiming is on.\nTime: "), "\(run.errors)")
        #expect(run.errors.contains("no command begins with 'enumerat'; did you mean enumerate?"), "\(run.errors)")
        let cut = try await bash("echo 'SELECT Name FROM Site_Lamp' | cimctl shell", on: bus)
        #expect(cut.end == .exited(64) && cut.errors.contains("no ; at its end"), "\(cut.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("Completion of bash: verbs, classes and paths of the broker; without one it is silent, and quick")
    func bashCompletion() async throws {
        let (bus, broker) = try await lamps()
        let script = #"""
            eval "$(cimctl completion bash)"
            compopt() { :; }
            try() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${1##* }") COMP_CWORD=0 COMPREPLY=(); _cimctl; printf '%s|' "${COMPREPLY[@]}"; echo; }
            try 'cimctl enumerat'
            try 'cimctl enumerate Site_'
            try "cimctl get 'Site_Lamp.Name=\"d"
            try 'cimctl put Site_Lamp.Name=\"desk\" State='
            """#
        let run = try await bash(script, on: bus)
        #expect(
            run.output == "enumerate |\nSite_Lamp |\nSite_Lamp.Name=\"desk\"|\n0 |1 |\n" && run.errors.isEmpty, "\(run)")
        let silent = try await bash(script, on: bus, environment: ["CIMBUS_BUS": "unix:path=/nowhere"])
        #expect(silent.output == "enumerate |\n|\n|\n|\n" && silent.errors.isEmpty, "\(silent)")
        for shell in ["zsh", "fish"] {
            let written = try await self.run(["completion", shell])
            #expect(written.end == .exited(0) && written.output.contains("cimctl complete --shell \(shell)"))
        }
        withExtendedLifetime(broker) {}
    }

    @Test("doctor: on a bus with a broker all is good; a broker that is gone, and a machine without user and policy, are bad")
    func doctor() async throws {
        let (bus, broker) = try await lamps()
        let well = try await run(["doctor"], on: bus.address, environment: ["CIMBUS_ALIASES": folder.path("none")])
        #expect(well.end == .exited(0) && well.output.split(separator: "\n").allSatisfy { $0.hasPrefix("good ") }, "\(well)")
        try folder.write("machine/none", "")
        let bare = try await run(
            ["doctor", "--system", "--root", folder.path("machine"), "-o", "jsonl"], environment: ["DBUS_SYSTEM_BUS_ADDRESS": bus.address])
        #expect(bare.end == .exited(1), "\(bare)")
        #expect(
            bare.output.contains(#""Check":"user","State":"bad""#) && bare.output.contains(#""Check":"policy","State":"bad""#),
            "\(bare.output)")
        try await broker.process.killAndWait()
        let gone = try await run(["doctor"], on: bus.address)
        #expect(
            gone.end == .exited(1) && gone.output.contains("BAD       broker") && gone.output.contains("mend it: cimbusd --address"),
            "\(gone.output)")
        withExtendedLifetime(bus) {}
    }

    @Test("The pages of the manual are made of what the programs and interfaces say, and have nothing that man would warn of")
    func manPages() async throws {
        let program = BuildFolder.path(of: "cimctl")
        let beside = String(program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex))
        let script = """
            "$0/Tests/Scripts/make-man-pages" '\(beside)' '\(folder.path("man"))' || exit
            cd '\(folder.path("man"))'
            for page in man1/cimctl.1 man8/cimbusd.8 man5/cimbus.conf.5 man5/org.cimbus1.5; do
                LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null
            done
            for word in 'enumerate' 'doctor' 'CIMBUS_BUS'; do grep -q -- "$word" man1/cimctl.1 || echo "no $word"; done
            grep -q 'ExecNotificationQuery' man5/org.cimbus1.5 || echo "no ExecNotificationQuery"
            rm -r '\(folder.path("man"))'
            """
        let (text, end) = try await ChildProcess.output("/bin/sh", ["-c", script, CommandExample.root])
        #expect(end == .exited(0) && text.isEmpty, "\(text)")
    }
}
