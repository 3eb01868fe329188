import CIMBusBroker
import Glibc

/// A file with options of `cimbusd`, `key = value`, and those in the folder of its name with `.d`: a later one wins.
///
/// The keys are the options of the command line without `--`. An empty value takes back what was said before.
struct ConfigurationFiles {
    struct Setting: Equatable {
        let key: String
        /// Empty: what was said before does not count.
        let value: String
        /// File and line.
        let place: String
    }

    let settings: [Setting]
    /// What is wrong, each with file and line.
    let faults: [String]
    /// Which files were read.
    let read: [String]

    /// - Parameter isRequired: whether the file must be there.
    init(_ path: String, isRequired: Bool) {
        var settings: [Setting] = []
        var faults: [String] = []
        var read: [String] = []
        func take(_ path: String, isRequired: Bool) {
            do throws(TrustedFile.Fault) {
                let file = Self.parse(try TrustedFile.text(of: path, owner: geteuid()), path)
                read.append(path)
                settings += file.settings
                faults += file.faults
            } catch {
                if isRequired || !error.isAbsence { faults.append(error.description) }
            }
        }
        take(path, isRequired: isRequired)
        do throws(TrustedFile.Fault) {
            for name in try TrustedFile.names(in: path + ".d") { take("\(path).d/\(name)", isRequired: true) }
        } catch {
            faults.append(error.description)
        }
        (self.settings, self.faults, self.read) = (settings, faults, read)
    }

    static func parse(_ text: String, _ path: String) -> (settings: [Setting], faults: [String]) {
        var settings: [Setting] = []
        var faults: [String] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let place = "\(path):\(index + 1)"
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            guard let equals = line.firstIndex(of: "=") else {
                faults.append("\(place): expected 'option = value', found '\(line.prefix(80))'")
                continue
            }
            settings.append(
                Setting(key: String(trimmed(line[..<equals])), value: String(trimmed(line[line.index(after: equals)...])), place: place))
        }
        return (settings, faults)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
