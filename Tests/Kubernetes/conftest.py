def pytest_addoption(parser):
    parser.addoption("--binary", required=True, help="the program")
    parser.addoption("--model", required=True, help="the model's folder")
