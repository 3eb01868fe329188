import ArgumentParser

/// What `cimctl new provider` writes: small, whole, and tested as it is.
struct ProviderTemplate: Hashable, Sendable {
    enum Language: String, ExpressibleByArgument, CaseIterable, Sendable {
        case swift
        case python
    }

    struct File: Hashable, Sendable {
        /// Below the folder of the provider.
        var path: String
        var text: String
        var isProgram = false
    }

    var name: ProviderName
    var language: Language
    /// Where the package `cimbus` is: a path or the URL of a repository. Python does without.
    var cimbus = ""

    var files: [File] { (language == .swift ? swiftFiles : pythonFiles) + serviceFiles }

    /// An instance class with a key, a property to put and a method; a second class; and an association of both.
    var mof: String {
        """
        // The classes of the provider \(name). The provider sends this text to the broker when it registers.

        [dynamic, provider("\(name)"), Description("An item that the provider keeps.")]
        class \(name)_Item
        {
            [key, read, Description("The name of the item. No two items have the same, in any case.")]
            string Name;

            [read, write, Description("What there is to say about the item.")]
            string Note;

            [read, Description("How often the item was used.")]
            uint32 UseCount;

            [Implemented, Description("Uses the item so many times. Returns 0.")]
            uint32 Use([in, ID(0)] uint32 Times, [out, ID(1), Description("How often the item was used in all.")] uint32 Total);
        };

        [dynamic, provider("\(name)"), Description("A group of items: those whose names begin with the same letter.")]
        class \(name)_Group
        {
            [key, read, Description("The letter, as a capital.")]
            string Name;
        };

        [dynamic, association, provider("\(name)"), Description("An item is in a group.")]
        class \(name)_ItemInGroup
        {
            [key, read] \(name)_Group ref Group;
            [key, read] \(name)_Item ref Item;
        };

        """
    }
}
