import Foundation
import PackagePlugin

/// Makes types of Swift of every MOF file of a target.
///
/// What the target depends on says what is made beside the types: functions for clients where it depends on CIMBusClient, protocols for
/// providers where it depends on CIMBusProvider. A file `MOFTypes.options` in the target's folder has further options, such as
/// `--access internal --names short`.
@main
struct CIMBusMOFPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) async throws -> [Command] {
        guard let module = target as? SourceModuleTarget else { return [] }
        let files = module.sourceFiles.map(\.url)
        let mof = files.filter { $0.pathExtension.lowercased() == "mof" }.sorted { $0.path < $1.path }
        if mof.isEmpty { return [] }
        for (name, same) in Dictionary(grouping: mof, by: \.lastPathComponent) where same.count > 1 {
            Diagnostics.error("target \(target.name) has \(same.count) files called \(name): give each a name of its own")
            return []
        }
        let folder = context.pluginWorkDirectoryURL
        var arguments = ["--output", folder.path]
        let modules = Set(target.recursiveTargetDependencies.map(\.name))
        if modules.contains("CIMBusClient") { arguments.append("--client") }
        if modules.contains("CIMBusProvider") { arguments.append("--provider") }
        let options = files.filter { $0.lastPathComponent == "MOFTypes.options" }
        for file in options { arguments += ["--options", file.path] }
        return [
            .buildCommand(
                displayName: "Making types of the MOF of \(target.name)", executable: try context.tool(named: "cimbus-generate").url,
                arguments: arguments + mof.map(\.path), inputFiles: mof + options,
                outputFiles: mof.map { folder.appending(path: $0.lastPathComponent + ".swift") })
        ]
    }
}
