{"name":"foo.bar","type":1,"metric":[{"gauge":{"value":1}},{"label":[{"name":"a.b","value":"x"},{"name":"a_b","value":"y"}],"gauge":{"value":2}}]}
{"name":"foo_bar","type":1,"metric":[{"label":[{"name":"a_b","value":"z"}],"gauge":{"value":3}}]}
{"name":"took.seconds","type":4,"metric":[{"histogram":{"count":1,"sum":1,"bucket":[{"count":1,"le":1}],"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"öl_total","type":0,"metric":[{"counter":{"value":5,"created":{"seconds":1700000000,"nanos":125000000}}}]}
