"""A model server in shell, for images without Python."""

#: Answers each row with a greeting, the row ``oops`` with 400, and each after the time that its environment says, in
#: seconds; obeys SIGTERM with exit code 0.
GREETS = r"""#!/bin/sh
if [ "$1" = serve ]; then
  trap 'echo goodbye; kill $!; exit 0' TERM
  echo "model: $(cat /opt/ml/model/weights), batch: $SAGEMAKER_BATCH"
  nc -ll -p 8080 -e /usr/local/bin/train &
  while :; do wait $!; done
fi
read -r method path _
size=0; cr=$(printf '\r')
while read -r name value && name=${name%"$cr"} && [ -n "$name" ]; do
  case "$name" in [Cc]ontent-[Ll]ength:) size=${value%"$cr"} ;; esac
done
row=$(head -c "$size"); status=200; body="hello $row"
case "$method $path $row" in
  *execution-parameters*) status=404; body= ;;
  *ping*) body= ;;
  *oops*) status=400; body="bad row" ;;
  *) sleep "${EACH:-0.05}" ;;
esac
printf 'HTTP/1.1 %s X\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' "$status" "${#body}" "$body"
"""
