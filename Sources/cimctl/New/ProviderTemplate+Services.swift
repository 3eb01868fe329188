extension ProviderTemplate {
    /// What starts the provider on a system when somebody asks for it, and nobody else in its name.
    var serviceFiles: [File] {
        [
            File(path: "service/\(name.program).service", text: unit), File(path: "service/\(name.busName).service", text: activation),
            File(path: "service/\(name.busName).conf", text: policy), File(path: "service/\(name.program).sysusers", text: users),
            File(path: "service/30-\(name.user).conf", text: rights), File(path: "service/activation.mof", text: definition),
        ]
    }

    private var unit: String {
        """
        # /etc/systemd/system/\(name.program).service
        [Unit]
        Description=CIM provider \(name)
        Requires=dbus.socket
        After=dbus.socket

        [Service]
        Type=dbus
        BusName=\(name.busName)
        ExecStart=/usr/libexec/\(name.program)
        User=\(name.user)
        Restart=on-failure
        RestartSec=1s

        # The provider talks to the bus. Take away from here what it cannot do without.
        NoNewPrivileges=true
        CapabilityBoundingSet=
        ProtectSystem=strict
        ProtectHome=true
        PrivateTmp=true
        PrivateDevices=true
        PrivateNetwork=true
        RestrictAddressFamilies=AF_UNIX

        """
    }

    private var activation: String {
        """
        # /usr/share/dbus-1/system-services/\(name.busName).service: a call for a class of \(name) starts the unit.
        [D-BUS Service]
        Name=\(name.busName)
        Exec=/bin/false
        User=\(name.user)
        SystemdService=\(name.program).service

        """
    }

    private var policy: String {
        """
        <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
         "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <!-- /usr/share/dbus-1/system.d/\(name.busName).conf: only the provider's user may have its name. -->
        <busconfig>
          <policy user="\(name.user)">
            <allow own="\(name.busName)"/>
          </policy>
        </busconfig>

        """
    }

    private var users: String {
        """
        # /usr/lib/sysusers.d/\(name.program).conf
        u \(name.user) - "CIM provider \(name)"

        """
    }

    private var rights: String {
        """
        # /etc/cimbus/rights.d/30-\(name.user).conf
        allow user:\(name.user) Register root/cimv2 provider \(name)

        """
    }

    private var definition: String {
        """
        // Tells the broker what starts the provider, and what the provider supports. Compile it once, behind \(name).mof.
        instance of __Win32Provider as $P
        {
            Name = "\(name)"; HostingModel = "Decoupled:DBus"; BusName = "\(name.busName)";
        };
        instance of __InstanceProviderRegistration
        {
            provider = $P; SupportsGet = TRUE; SupportsEnumeration = TRUE; SupportsPut = TRUE; SupportsDelete = TRUE;
        };
        instance of __MethodProviderRegistration { provider = $P; };

        """
    }
}

extension ProviderTemplate {
    /// What a reader does with the new folder, on one screen.
    /// - Parameters:
    ///   - build: the lines that build it and test it.
    ///   - program: how the program is started in the folder.
    ///   - installed: the line that installs the program.
    ///   - files: what stands where, as rows of a table.
    func page(build: String, program: String, installed: String, mof: String, files: String) -> String {
        """
        # \(name)

        A CIMBus provider. It serves `\(name)_Item` (a key, a property to put, a method), `\(name)_Group`, and the association
        `\(name)_ItemInGroup`.

            \(build)

        ## Try it

        On your own session bus, in two terminals:

            cimbusd --session
            \(program) --session

        Then:

            cimctl enumerate \(name)_Item --session
            cimctl put '\(name)_Item.Name="bell"' Note=loud --session
            cimctl invoke '\(name)_Item.Name="bell"' Use Times=2 --session
            cimctl query "ASSOCIATORS OF {\(name)_Group.Name='A'}" --session

        ## Where to begin

        | File | What it is |
        |---|---|
        \(files)
        | `service/` | unit, activation, policy, user and rights. The head of each file says where it is installed |

        ## Install it

        `\(name.busName)` is a name on the bus: put a domain of yours in the place of `org.example`, here and in `service/`.

            \(installed)
            sudo install -m 644 service/\(name.program).service /etc/systemd/system/
            sudo install -m 644 service/\(name.busName).service /usr/share/dbus-1/system-services/
            sudo install -m 644 service/\(name.busName).conf /usr/share/dbus-1/system.d/
            sudo install -m 644 service/\(name.program).sysusers /usr/lib/sysusers.d/\(name.program).conf
            sudo install -D -m 644 service/30-\(name.user).conf /etc/cimbus/rights.d/30-\(name.user).conf
            sudo systemd-sysusers
            sudo systemctl daemon-reload && sudo systemctl reload dbus && sudo systemctl try-reload-or-restart cimbusd
            sudo cimctl mof compile \(mof) service/activation.mof

        From now on the first call for one of these classes starts the provider.

        """
    }

    var swiftPage: String {
        page(
            build: "swift build && swift test", program: ".build/debug/\(name.program)",
            installed: "swift build -c release && sudo install -D .build/release/\(name.program) /usr/libexec/\(name.program)",
            mof: "Sources/\(name)/\(name).mof",
            files: """
                | `Sources/\(name)/\(name).mof` | the classes |
                | `Sources/\(name)/Store.swift` | what is served: put what you manage in its place |
                | `Sources/\(name)/Items.swift`, `Groups.swift` | one type for each class: the operations |
                | `Sources/\(name)/Service.swift` | which type serves which class |
                | `Tests/\(name)Tests` | the provider on a private bus, with a broker and a client |
                """)
    }

    var pythonPage: String {
        page(
            build: "/usr/bin/python3 test_\(name.user).py    # needs python3-dbus, python3-gi, cimbusd and cimctl",
            program: "./\(name.program)",
            installed: """
                sudo install -D \(name.program) /usr/libexec/\(name.program) && sudo install -m 644 \(name).mof /usr/libexec/
                """,
            mof: "\(name).mof",
            files: """
                | `\(name).mof` | the classes |
                | `\(name.program)` | the provider: `Store` is what is served, `Provider` are the operations |
                | `test_\(name.user).py` | the provider on a private bus, with a broker and a client |
                """)
    }
}
