extension ProviderTemplate {
    var pythonTests: String {
        #"""
        #!/usr/bin/python3
        """Tests \#(name.program) on a private bus, with a broker and a client.

        CIMBUSD and CIMCTL name the programs of CIMBus; without them they are looked for in PATH."""

        import json
        import os
        import selectors
        import shutil
        import subprocess
        import tempfile
        import unittest

        HERE = os.path.dirname(os.path.realpath(__file__))
        SECONDS = 20


        def program(name):
            found = os.environ.get(name.upper()) or shutil.which(name)
            if not found:
                raise FileNotFoundError(f"there is no {name} in PATH: install CIMBus, or name the program in {name.upper()}")
            return found


        class \#(name)Tests(unittest.TestCase):
            def setUp(self):
                self.folder = tempfile.TemporaryDirectory()
                self.addCleanup(self.folder.cleanup)
                self.address = f"unix:path={self.folder.name}/bus"
                self.start("listening", "dbus-daemon", "--session", "--nofork", f"--address={self.address}", "--print-address", says="unix:")
                self.start("serving", program("cimbusd"), "--address", self.address, says="serving")
                self.provider = self.start("registered", os.path.join(HERE, "\#(name.program)"), "--session", says="registered")

            def start(self, state, *command, says):
                """Starts a process that is killed after the test, and waits until it says so."""
                environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.address, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
                process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.addCleanup(process.stdout.close)
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                with selectors.DefaultSelector() as selector:
                    selector.register(process.stdout, selectors.EVENT_READ)
                    said = ""
                    while selector.select(SECONDS):
                        line = process.stdout.readline()
                        said += line
                        if says in line:
                            return process
                        if not line:
                            break
                self.fail(f"{command[0]} is not {state}:\n{said}")

            def cimctl(self, *arguments):
                """What cimctl says, and its exit status."""
                done = subprocess.run([program("cimctl"), *arguments, "--address", self.address, "--output", "jsonl"],
                                      capture_output=True, text=True, timeout=SECONDS)
                return done.stdout + done.stderr, done.returncode

            def objects(self, *arguments):
                text, status = self.cimctl(*arguments)
                self.assertEqual(status, 0, text)
                return [json.loads(line) for line in text.splitlines()]

            def test_an_item_is_written_used_and_deleted(self):
                bucket = '\#(name)_Item.Name="bucket"'
                text, status = self.cimctl("put", bucket, "Note=leaks", "--create")
                self.assertEqual(status, 0, text)
                self.assertEqual(self.objects("get", bucket)[0]["Note"], "leaks")
                self.assertEqual(self.objects("invoke", bucket, "Use", "Times=3")[0]["Total"], 3)
                found = self.objects("query", "SELECT Name FROM \#(name)_Item WHERE UseCount = 3")
                self.assertEqual([item["Name"] for item in found], ["bucket"])
                text, status = self.cimctl("put", bucket, "UseCount=9")
                self.assertEqual(status, 1)
                self.assertIn("ReadOnly", text)
                self.assertEqual(self.cimctl("delete", bucket)[1], 0)
                text, status = self.cimctl("get", bucket)
                self.assertEqual(status, 2)
                self.assertIn("NotFound", text)

            def test_an_item_is_in_the_group_of_its_first_letter(self):
                items = self.objects("query", "ASSOCIATORS OF {\#(name)_Group.Name='A'}")
                self.assertEqual(sorted(item["Name"] for item in items), ["anchor", "apple"])
                link = self.objects("enumerate", "\#(name)_ItemInGroup")[0]
                group, item = (link[end].replace("\\", "\\\\").replace('"', '\\"') for end in ("Group", "Item"))
                self.assertEqual(self.objects("get", f'\#(name)_ItemInGroup.Group="{group}",Item="{item}"'), [link])

            def test_the_program_ends_when_it_is_asked(self):
                self.provider.terminate()
                self.assertEqual(self.provider.wait(SECONDS), 0)


        if __name__ == "__main__":
            unittest.main()

        """#
    }
}
