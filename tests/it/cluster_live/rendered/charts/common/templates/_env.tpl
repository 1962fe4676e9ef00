{{- define "common.env" -}}
- name: REGION
  value: eu-west-9
{{- end -}}
