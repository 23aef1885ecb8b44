package budget

import _ "go.yaml.in/yaml/v3"
