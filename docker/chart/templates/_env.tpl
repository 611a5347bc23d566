{{/* A variable wins over the configuration file. The first four are for those that follow: slowmap does not read them. */}}
{{- define "slowmap.env" -}}
- name: NODE_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "slowmap.resource" . | quote }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otlp.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .Values.otlp.protocol }}
{{- with .Values.otlp.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: headers}}
{{- end }}
{{- if .Values.otlp.tls.secret }}
- name: OTEL_EXPORTER_OTLP_CERTIFICATE
  value: /etc/slowmap-tls/ca.crt
{{- if .Values.otlp.tls.clientCertificate }}
- name: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE
  value: /etc/slowmap-tls/tls.crt
- name: OTEL_EXPORTER_OTLP_CLIENT_KEY
  value: /etc/slowmap-tls/tls.key
{{- end }}
{{- end }}
{{- if eq .Values.mode "daemonset" }}
{{- if .Values.podNames }}
- name: SLOWMAP_KUBERNETES_NODE
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- end }}
{{- else }}
# Its own Pod is the services'.
- name: SLOWMAP_SERVICE_ATTRIBUTES
  value: {{ include "slowmap.pod" . | quote }}
{{- end }}
{{- if .Values.config }}
- name: SLOWMAP_CONFIG
  value: /etc/slowmap/slowmap.yaml
{{- end }}
{{- if .Values.prometheus.enabled }}
- name: SLOWMAP_PROMETHEUS_LISTEN
  value: {{ printf "%s:%v" .Values.prometheus.address .Values.prometheus.port | quote }}
{{- end }}
{{- if .Values.queue.enabled }}
# A directory of slowmap's own: everyone may write to the volume's.
- name: SLOWMAP_QUEUE_DIRECTORY
  value: /var/lib/slowmap/queue
- name: SLOWMAP_QUEUE_DIRECTORY_LIMIT
  value: {{ .Values.queue.limit }}
{{- end }}
{{- end -}}

{{- define "slowmap.pod" -}}
k8s.node.name=$(NODE_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME)
{{- end -}}

{{/* Values are percent-encoded, as the variable's format has it; urlquery alone makes a space a plus. */}}
{{- define "slowmap.resource" -}}
{{ include "slowmap.pod" . }},k8s.container.name=slowmap
{{- range $key, $value := .Values.resourceAttributes -}}
,{{ $key }}={{ $value | urlquery | replace "+" "%20" }}
{{- end -}}
{{- end -}}
