print("cimbusd")
