/// The class that the sample serves, as it is sent when the provider registers.
public enum LinuxUnixProcess {
    public static let className = "Linux_UnixProcess"
    public static let registration = "UnixProcess"

    /// The class alone.
    public static let declaration = """
        [dynamic, provider("UnixProcess"),
         Description("A process of this machine, as the proc file system tells it. Its keys are those of CIM_UnixProcess.")]
        class Linux_UnixProcess
        {
            [key, read, Description("Class of the computer.")] string CSCreationClassName;
            [key, read, Description("Name of the computer.")] string CSName;
            [key, read, Description("Class of the operating system.")] string OSCreationClassName;
            [key, read, Description("Name of the operating system.")] string OSName;
            [key, read, Description("Linux_UnixProcess.")] string CreationClassName;
            [key, read, Description("Process id, in decimal.")] string Handle;

            [read, Description("Name of the program: its first 15 bytes.")] string Name;
            [read, Description("The command line, as it was given.")] string Parameters[];
            [read, Description("Path of the program. NULL if it may not be seen.")] string ExecutablePath;
            [read, Description("State, in the kernel's letter: R, S, D, Z, T.")] string State;
            [read, Description("State, in CIM's numbers."),
             ValueMap{"0", "1", "3", "4", "7", "8"}, Values{"Unknown", "Other", "Running", "Blocked", "Terminated", "Stopped"}]
            uint16 ExecutionState;
            [read, write, Description("Nice value, from -20, the most favoured, to 19. Only root may lower it.")] sint32 Priority;
            [read, Description("Process id of the parent.")] string ParentProcessID;
            [read] uint64 ProcessGroupID;
            [read] uint64 ProcessSessionID;
            [read, Description("Device number of the controlling terminal. NULL without one.")] string ProcessTTY;
            [read] uint64 RealUserID;
            [read] uint64 EffectiveUserID;
            [read, Description("Name of the real user. NULL if it has none.")] string UserName;
            [read] uint64 RealGroupID;
            [read, Description("When it started.")] datetime CreationDate;
            [read, Units("Milliseconds")] uint64 KernelModeTime;
            [read, Units("Milliseconds")] uint64 UserModeTime;
            [read, Units("Bytes"), Description("Memory it has in RAM.")] uint64 WorkingSetSize;
            [read, Units("Bytes")] uint64 VirtualSize;
            [read] uint32 ThreadCount;
            [read, Description("Page faults since it started.")] uint64 PageFaults;

            [Implemented, Description("Sends a signal; 0 only asks whether one could be sent. Returns 0.")]
            uint32 SendSignal([in, ID(0), Description("Number of the signal, 0 to 64.")] sint32 signal);
        };
        """
}
