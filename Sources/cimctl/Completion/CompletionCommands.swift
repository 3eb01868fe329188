import ArgumentParser
import CIMBusClient

/// Which shell asks.
enum ShellKind: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish
}

struct CompletionScript: Program {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Writes what makes a shell complete the words of cimctl: verbs, options, classes, properties, paths.",
        discussion: """
            A package installs it. By hand, for the shell that runs:
              cimctl completion bash > cimctl.bash
            """)

    @Argument(help: "The shell.") var shell: ShellKind

    var busAddress: BusAddress { .system }

    func perform(_ output: inout Output) async throws { try output.write(CompletionScripts.text(for: shell)) }
}

/// What the scripts ask: the candidates for the word at the end of a line.
struct Complete: Program {
    static let configuration = CommandConfiguration(
        commandName: "complete", abstract: "Prints what could stand next on a line: a word, a tab, what it means.", shouldDisplay: false)

    @Option(help: "Who asks.") var shell = ShellKind.zsh
    @Option(help: "At which characters bash divides words.") var dividers = " \t\n\"'><=;|&(:"
    @Option(parsing: .unconditional, help: "The line, up to where the user is, with the name of the program.") var line: String

    var busAddress: BusAddress { .system }

    func perform(_ output: inout Output) async throws {
        guard let tree = CommandTree.own() else { return }
        var words = ShellWords(line)
        // Behind `;`, `|` or `&` another line begins.
        if let start = words.finished.lastIndex(where: { [";", "|", "&&", "||", "&"].contains($0) }) {
            words.finished.removeFirst(start + 1)
        }
        let start = words.finished.firstIndex { $0 == "cimctl" || $0.hasSuffix("/cimctl") } ?? -1
        words.finished.removeFirst(start + 1)
        let options = (try? CommandOptions.parse(Self.options(in: words.finished))) ?? (try? CommandOptions.parse([]))
        guard let options else { return }
        let source = BrokerSource(options.busAddress, options.namespaceName)
        guard let found = await Completion(tree: tree, aliases: Aliases.installed(), source: source).candidates(words) else {
            return try output.write(":files\n")
        }
        for candidate in found {
            let meaning = FailureReport.printable(String(candidate.meaning.prefix { !$0.isNewline }.prefix(100)))
            switch shell {
            case .bash:
                let word = words.replacement(of: candidate.word, dividers: dividers)
                try output.write(word + (candidate.isOpen || words.quote != nil ? "" : " ") + "\n")
            case .zsh: try output.write("\(candidate.word)\t\(candidate.isOpen ? "+" : "")\t\(meaning)\n")
            case .fish: try output.write("\(candidate.word)\t\(meaning)\n")
            }
        }
    }

    /// Those of the words that say where the broker is.
    private static func options(in words: [String]) -> [String] {
        var found: [String] = []
        for (position, word) in words.enumerated() {
            if ["--system", "--session"].contains(word) { found.append(word) }
            if ["--address", "-n", "--namespace"].contains(word), position + 1 < words.count { found += [word, words[position + 1]] }
            if word.hasPrefix("--address=") || word.hasPrefix("--namespace=") { found.append(word) }
        }
        return found
    }
}

/// The scripts: each asks this program, and shows what it says.
enum CompletionScripts {
    static func text(for shell: ShellKind) -> String {
        switch shell {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        }
    }

    private static let bash = #"""
        # bash completion for cimctl, written by 'cimctl completion bash'
        _cimctl() {
            local line=${COMP_LINE:0:COMP_POINT} IFS=$'\n'
            COMPREPLY=($(cimctl complete --shell bash --dividers "$COMP_WORDBREAKS" --line "$line" 2>/dev/null))
            if [ "${COMPREPLY[0]}" = :files ]; then
                compopt -o filenames
                COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
            else
                compopt -o nospace
            fi
        }
        complete -F _cimctl cimctl

        """#

    private static let zsh = #"""
        #compdef cimctl
        # zsh completion for cimctl, written by 'cimctl completion zsh'
        _cimctl() {
            local -a lines closed open closed_text open_text
            local line word mark meaning
            lines=("${(@f)$(cimctl complete --shell zsh --line "${LBUFFER}" 2>/dev/null)}")
            if [[ ${lines[1]} == :files ]]; then
                _files
                return
            fi
            for line in $lines; do
                word=${line%%$'\t'*}
                line=${line#*$'\t'}
                mark=${line%%$'\t'*}
                meaning=${line#*$'\t'}
                if [[ $mark == + ]]; then
                    open+=("$word")
                    open_text+=("$word${meaning:+  -- $meaning}")
                elif [[ -n $word ]]; then
                    closed+=("$word")
                    closed_text+=("$word${meaning:+  -- $meaning}")
                fi
            done
            (( $#closed )) && compadd -l -d closed_text -a closed
            (( $#open )) && compadd -l -S '' -d open_text -a open
        }
        if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _cimctl "$@"; else compdef _cimctl cimctl; fi

        """#

    private static let fish = #"""
        # fish completion for cimctl, written by 'cimctl completion fish'
        function __cimctl_complete
            set -l found (cimctl complete --shell fish --line (commandline -cp | string collect) 2>/dev/null)
            if test "$found[1]" = :files
                __fish_complete_path (commandline -ct)
            else
                printf '%s\n' $found
            end
        end
        complete -c cimctl -f -a '(__cimctl_complete)'

        """#
}
